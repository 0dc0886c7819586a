#include "http/AccessLog.h"

#include <chrono>
#include <string>
#include <utility>

#include <Poco/Message.h>
#include <Poco/NumberFormatter.h>

namespace drover::api {

void AccessLog::write(const Connection& connection, int status, std::size_t bytes) {
    Poco::Message line(logger_.name(), "request", Poco::Message::PRIO_INFORMATION);
    if (connection.exchange) {
        const AnswerNotes& notes = connection.exchange->notes();
        const std::pair<const char*, const std::string&> texts[] = {{"method", notes.method},
                                                                    {"route", notes.route},
                                                                    {"client", notes.client},
                                                                    {"token", notes.token}};
        for (const auto& [name, text] : texts) {
            if (!text.empty()) {
                line.set(name, text);
            }
        }
        const std::chrono::duration<double, std::milli> took =
            Connection::Clock::now() - connection.wholeSince;
        line.set("ms", Poco::NumberFormatter::format(took.count(), 3));
    } else {
        line.set("client", connection.remoteAddress);
    }
    line.set("status", std::to_string(status));
    line.set("bytes", std::to_string(bytes));
    logger_.log(line);
}

}  // namespace drover::api
