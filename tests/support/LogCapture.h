#pragma once

#include <algorithm>
#include <mutex>
#include <string>
#include <vector>

#include <Poco/AutoPtr.h>
#include <Poco/Channel.h>
#include <Poco/Logger.h>
#include <Poco/Message.h>

#include "core/Log.h"

namespace drover::test {

/// Collects the lines of one logger while it lives; the logger's own channel and level come back afterwards. Threads:
/// lines arrive from any; count() from any. Poco swaps a logger's channel without a lock, so threads that log to it
/// begin after the constructor and end before the destructor.
class LogCapture {
public:
    explicit LogCapture(const std::string& logger)
        : logger_(Poco::Logger::get(logger)),
          lines_(new Lines),
          channelBefore_(logger_.getChannel()),
          levelBefore_(logger_.getLevel()) {
        logger_.setChannel(lines_);
        logger_.setLevel(Poco::Message::PRIO_DEBUG);
    }
    ~LogCapture() {
        logger_.setLevel(levelBefore_);
        logger_.setChannel(channelBefore_);
    }
    LogCapture(const LogCapture&) = delete;
    LogCapture& operator=(const LogCapture&) = delete;

    /// Everything is captured by default.
    void setLevel(int priority) { logger_.setLevel(priority); }

    /// Returns how many lines contain the text. A line is its message with its fields behind it: "text queue=emails job=42".
    [[nodiscard]] std::size_t count(const std::string& text) const {
        const std::lock_guard lock(lines_->mutex);
        return static_cast<std::size_t>(
            std::count_if(lines_->all.begin(), lines_->all.end(), [&](const std::string& line) {
                return line.find(text) != std::string::npos;
            }));
    }

private:
    class Lines : public Poco::Channel {
    public:
        void log(const Poco::Message& message) override {
            const std::lock_guard lock(mutex);
            std::string line = message.getText();
            for (const LogField& field : kLogFields) {
                if (message.has(field.name)) {
                    line += std::string(" ") + field.name + "=" + message.get(field.name);
                }
            }
            all.push_back(std::move(line));
        }
        mutable std::mutex mutex;
        std::vector<std::string> all;
    };

    Poco::Logger& logger_;
    Poco::AutoPtr<Lines> lines_;
    Poco::AutoPtr<Poco::Channel> channelBefore_;
    int levelBefore_;
};

}  // namespace drover::test
