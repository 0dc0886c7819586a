#pragma once

#include <chrono>
#include <cstdint>
#include <exception>
#include <string>

#include <Poco/AutoPtr.h>
#include <Poco/ErrorHandler.h>

#include "config/Configuration.h"
#include "process/LogChannel.h"

namespace drover {

/// Sends every Poco logger of the process to standard error by the configuration, while it lives.
/// Also reports exceptions of Poco's threads, which its own handler would swallow in a release build
/// (docs/pitfalls.md#n13), and writes the last lines when the process crashes.
class Logging {
public:
    explicit Logging(const Configuration& config);
    ~Logging();
    Logging(const Logging&) = delete;
    Logging& operator=(const Logging&) = delete;

    /// Applies log.level.
    void apply(const Configuration& config);

    /// Hides the secrets of `config`, too, in all lines from now on. Any thread.
    static void hide(const Configuration& config);
    /// Waits until all lines are written, for at most `timeout`. Any thread.
    static void flush(std::chrono::milliseconds timeout);
    /// Returns how many lines were dropped since no reader read them. Any thread.
    [[nodiscard]] static std::uint64_t dropped();
    /// Returns a text as the log would show it, for other places. Any thread.
    [[nodiscard]] static std::string masked(const std::string& text);

private:
    class ThreadErrors : public Poco::ErrorHandler {
    public:
        void exception(const Poco::Exception& error) override;
        void exception(const std::exception& error) override;
        void exception() override;
    };

    Poco::AutoPtr<LogChannel> channel_;
    ThreadErrors errors_;
    Poco::ErrorHandler* before_;
};

/// Returns the text of an exception for the log: of Poco's with its name.
[[nodiscard]] std::string messageOf(const std::exception& error);

}  // namespace drover
