#include "app/LogChannel.h"

#include <pthread.h>
#include <unistd.h>

#include <Poco/DateTimeFormat.h>
#include <Poco/DateTimeFormatter.h>
#include <Poco/NumberFormatter.h>

#include "app/JsonWriter.h"
#include "core/JsonText.h"

namespace drover {

namespace {

constexpr std::size_t kShortestSecret = 4;
/// How long a fatal or critical message is waited for.
constexpr std::chrono::milliseconds kLastWords{200};

struct Level {
    const char* name;
    const char* colour;
};

Level levelOf(Poco::Message::Priority priority) {
    switch (priority) {
        case Poco::Message::PRIO_FATAL:
            return {"fatal", "\x1b[1;31m"};
        case Poco::Message::PRIO_CRITICAL:
            return {"critical", "\x1b[1;31m"};
        case Poco::Message::PRIO_ERROR:
            return {"error", "\x1b[31m"};
        case Poco::Message::PRIO_WARNING:
            return {"warning", "\x1b[33m"};
        case Poco::Message::PRIO_NOTICE:
            return {"notice", "\x1b[36m"};
        case Poco::Message::PRIO_INFORMATION:
            return {"information", ""};
        case Poco::Message::PRIO_DEBUG:
            return {"debug", "\x1b[2m"};
        case Poco::Message::PRIO_TRACE:
            return {"trace", "\x1b[2m"};
    }
    return {"information", ""};
}

/// Poco knows the names of its own threads only; others have one in the kernel. Called on the logging thread.
std::string threadOf(const Poco::Message& message) {
    if (!message.getThread().empty()) {
        return message.getThread();
    }
    char name[16] = {};
    pthread_getname_np(pthread_self(), name, sizeof name);
    return name;
}

std::string timeOf(const Poco::Message& message) {
    return Poco::DateTimeFormatter::format(message.getTime(), "%Y-%m-%dT%H:%M:%S.%iZ");
}

std::string printable(const std::string& text) {
    std::string clean;
    for (const char c : repairedUtf8(text)) {
        const auto byte = static_cast<unsigned char>(c);
        if (c == '\n') {
            clean += "\n    ";
        } else if (byte < 0x20 || byte == 0x7F) {
            clean += "\\x" + Poco::NumberFormatter::formatHex(byte, 2);
        } else {
            clean += c;
        }
    }
    return clean;
}

/// One line without its end.
std::string lineOf(LogChannel::Format format,
                   const Poco::Message& message,
                   const std::string& text) {
    const Level level = levelOf(message.getPriority());
    if (format == LogChannel::Format::Json) {
        JsonWriter json;
        json.beginObject();
        json.key("time").text(timeOf(message));
        json.key("level").text(level.name);
        json.key("logger").text(message.getSource());
        json.key("thread").text(threadOf(message));
        json.key("message").text(text);
        json.endObject();
        return json.str();
    }
    std::string name = level.name;
    name.resize(11, ' ');
    const bool coloured = format == LogChannel::Format::ColouredText && *level.colour != '\0';
    return timeOf(message) + " " + (coloured ? level.colour + name + "\x1b[0m" : name) + " " +
           printable(message.getSource()) + ": " + printable(text);
}

}  // namespace

LogChannel::LogChannel(int descriptor, Format format, LogWriter::Limits limits)
    : format_(format),
      writer_(
          descriptor,
          [format](std::uint64_t dropped) {
              const std::string text = std::to_string(dropped) + " lines dropped: nobody read them";
              return lineOf(format, Poco::Message("log", text, Poco::Message::PRIO_WARNING), text) +
                     "\n";
          },
          limits) {}

LogChannel::Format LogChannel::formatFor(const std::string& configured, int descriptor) {
    const bool terminal = isatty(descriptor) == 1;
    if (configured == "json" || (configured == "auto" && !terminal)) {
        return Format::Json;
    }
    return terminal ? Format::ColouredText : Format::Text;
}

void LogChannel::hide(const std::vector<std::string>& secrets) {
    const std::lock_guard<std::mutex> lock(mutex_);
    for (const std::string& secret : secrets) {
        if (secret.size() >= kShortestSecret) {
            secrets_.insert(secret);
        }
    }
}

std::string LogChannel::withoutSecrets(std::string text) const {
    const std::lock_guard<std::mutex> lock(mutex_);
    for (const std::string& secret : secrets_) {
        for (auto at = text.find(secret); at != std::string::npos; at = text.find(secret, at + 3)) {
            text.replace(at, secret.size(), "***");
        }
    }
    return text;
}

std::string LogChannel::line(const Poco::Message& message) const {
    return lineOf(format_, message, withoutSecrets(message.getText()));
}

void LogChannel::log(const Poco::Message& message) {
    writer_.push(line(message) + "\n");
    if (message.getPriority() <= Poco::Message::PRIO_CRITICAL) {
        writer_.flushUnlessStuck(kLastWords);
    }
}

}  // namespace drover
