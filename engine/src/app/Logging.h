#pragma once

#include <Poco/AutoPtr.h>
#include <Poco/ErrorHandler.h>

#include "app/Configuration.h"
#include "app/LogChannel.h"

namespace drover {

/// Sends every Poco logger of the process to standard error as the configuration says, while it lives.
/// Also reports what threads of Poco throw, which its own handler would swallow in a release build (pitfall N13).
class Logging {
public:
    explicit Logging(const Configuration& config);
    ~Logging();
    Logging(const Logging&) = delete;
    Logging& operator=(const Logging&) = delete;

    /// Applies log.level, and hides the secrets of `config`.
    void apply(const Configuration& config);

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

}  // namespace drover
