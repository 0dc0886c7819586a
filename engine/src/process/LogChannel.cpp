#include "process/LogChannel.h"

#include <algorithm>
#include <iterator>
#include <pthread.h>
#include <string_view>
#include <unistd.h>

#include <Poco/Ascii.h>
#include <Poco/DateTimeFormat.h>
#include <Poco/DateTimeFormatter.h>
#include <Poco/NumberFormatter.h>

#include "core/JsonText.h"
#include "core/Log.h"
#include "drover/JsonWriter.h"

namespace drover {

namespace {

constexpr std::size_t kShortestSecret = 4;
/// A shorter secret is hidden as a word only: "cat" is in many words.
constexpr std::size_t kAnywhere = 12;
/// As passwords of a development machine these are public, and as words they are in many lines.
constexpr std::string_view kCommonWords[] = {
    "admin",       "administrator", "changeme",    "consumer",   "database", "default",
    "development", "drover",        "engine",      "event",      "example",  "guest",
    "health",      "local",         "localhost",   "master",     "pass",     "passwd",
    "password",    "plugin",        "postgres",    "postgresql", "producer", "production",
    "queue",       "redis",         "reservation", "root",       "secret",   "server",
    "service",     "test",          "testing",     "token",      "user",     "username",
    "worker"};

bool isCommonWord(const std::string& text) {
    std::string lower = text;
    for (char& c : lower) {
        c = static_cast<char>(Poco::Ascii::toLower(static_cast<unsigned char>(c)));
    }
    return std::find(std::begin(kCommonWords), std::end(kCommonWords), lower) !=
           std::end(kCommonWords);
}

bool isWordByte(char c) {
    return Poco::Ascii::isAlphaNumeric(static_cast<unsigned char>(c)) || c == '_' ||
           static_cast<unsigned char>(c) >= 0x80;
}

/// Returns true if the text from `at` stands alone, or may stand anywhere.
bool mayHide(const std::string& text, std::size_t at, const std::string& secret) {
    if (secret.size() >= kAnywhere) {
        return true;
    }
    const std::size_t end = at + secret.size();
    return !(at > 0 && isWordByte(text[at - 1]) && isWordByte(secret.front())) &&
           !(end < text.size() && isWordByte(text[end]) && isWordByte(secret.back()));
}

/// The password of a URL is recognised by its place: "://user:password@".
void hideUrlPasswords(std::string& text) {
    for (std::size_t at = text.find("://"); at != std::string::npos; at = text.find("://", at)) {
        at += 3;
        const std::size_t end = std::min(text.find_first_of(" \t\r\n\"'<>", at), text.size());
        const std::size_t host = text.rfind('@', end - (end > at ? 1 : 0));
        const std::size_t colon = text.find(':', at);
        if (host == std::string::npos || host < at || colon == std::string::npos || colon >= host ||
            text.find_first_of("/?#", at) < colon) {
            continue;
        }
        text.replace(colon + 1, host - colon - 1, "***");
    }
}
/// How long log() waits for a fatal or critical message to be written.
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

/// Poco has the names of its own threads only; other threads have one in the kernel. Called on the logging thread.
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

/// Returns the value of a field for eyes: in quotes, as JSON writes it, unless it is one plain word.
std::string fieldText(const std::string& value) {
    const bool plain = std::all_of(value.begin(), value.end(), [](char c) {
        return static_cast<unsigned char>(c) > 0x20 && c != '"' && c != '=' && c != '\\' &&
               c != '\x7f';
    });
    return plain ? repairedUtf8(value) : JsonWriter().text(value).str();
}

using Fields = std::vector<std::pair<const LogField*, std::string>>;

/// Returns one line without its end.
std::string lineOf(LogChannel::Format format,
                   const Poco::Message& message,
                   const std::string& text,
                   const Fields& fields = {}) {
    const Level level = levelOf(message.getPriority());
    if (format == LogChannel::Format::Json) {
        JsonWriter json;
        json.beginObject();
        json.key("time").text(timeOf(message));
        json.key("level").text(level.name);
        json.key("logger").text(message.getSource());
        json.key("thread").text(threadOf(message));
        json.key("message").text(text);
        for (const auto& [field, value] : fields) {
            json.key(field->name);
            field->isNumber&& isJson(value) ? json.raw(value) : json.text(value);
        }
        json.endObject();
        return json.str();
    }
    std::string name = level.name;
    name.resize(11, ' ');
    const bool coloured = format == LogChannel::Format::ColouredText && *level.colour != '\0';
    std::string line = timeOf(message) + " " + (coloured ? level.colour + name + "\x1b[0m" : name) +
                       " " + printable(message.getSource()) + ": " + printable(text);
    for (const auto& [field, value] : fields) {
        line += std::string(" ") + field->name + "=" + fieldText(value);
    }
    return line;
}

}  // namespace

LogChannel::LogChannel(int descriptor, Format format, LogWriter::Limits limits)
    : format_(format),
      writer_(
          descriptor,
          [format](std::uint64_t dropped) {
              const std::string text =
                  std::to_string(dropped) + " lines dropped for want of a reader";
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
        if (secret.size() >= kShortestSecret && !isCommonWord(secret)) {
            secrets_.insert(secret);
        }
    }
}

std::string LogChannel::withoutSecrets(std::string text) const {
    const std::lock_guard<std::mutex> lock(mutex_);
    for (const std::string& secret : secrets_) {
        for (auto at = text.find(secret); at != std::string::npos;) {
            if (mayHide(text, at, secret)) {
                text.replace(at, secret.size(), "***");
                at = text.find(secret, at + 3);
            } else {
                at = text.find(secret, at + 1);
            }
        }
    }
    hideUrlPasswords(text);
    return text;
}

std::string LogChannel::line(const Poco::Message& message) const {
    Fields fields;
    for (const LogField& field : kLogFields) {
        if (message.has(field.name)) {
            fields.emplace_back(&field, withoutSecrets(message.get(field.name)));
        }
    }
    return lineOf(format_, message, withoutSecrets(message.getText()), fields);
}

void LogChannel::log(const Poco::Message& message) {
    writer_.push(line(message) + "\n");
    if (message.getPriority() <= Poco::Message::PRIO_CRITICAL) {
        writer_.flushUnlessStuck(kLastWords);
    }
}

}  // namespace drover
