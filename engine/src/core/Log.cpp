#include "core/Log.h"

#include <utility>

#include <Poco/Logger.h>

namespace drover {

Log::Log(const std::string& logger, LogFields fields)
    : logger_(&Poco::Logger::get(logger)), fields_(std::move(fields)) {}

void Log::error(const std::string& text, const LogFields& more) const {
    write(Poco::Message::PRIO_ERROR, text, more);
}
void Log::warning(const std::string& text, const LogFields& more) const {
    write(Poco::Message::PRIO_WARNING, text, more);
}
void Log::information(const std::string& text, const LogFields& more) const {
    write(Poco::Message::PRIO_INFORMATION, text, more);
}
void Log::debug(const std::string& text, const LogFields& more) const {
    write(Poco::Message::PRIO_DEBUG, text, more);
}

void Log::write(Poco::Message::Priority priority,
                const std::string& text,
                const LogFields& more) const {
    if (!logger_->is(priority)) {
        return;
    }
    Poco::Message message(logger_->name(), text, priority);
    const auto set = [&message](const char* name, const std::string& value) {
        message.set(name, value);
    };
    fields_.forEach(set);
    more.forEach(set);  // Over those of every line.
    logger_->log(message);
}

bool Log::writesDebug() const {
    return logger_->debug();
}

}  // namespace drover
