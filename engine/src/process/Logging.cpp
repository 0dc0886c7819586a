#include "process/Logging.h"

#include <atomic>
#include <csignal>
#include <cstdlib>
#include <ctime>
#include <exception>
#include <unistd.h>

#include <Poco/Logger.h>
#include <Poco/NullChannel.h>

#include "config/Secrets.h"
#include "config/Settings.h"

namespace drover {

namespace {

/// The channel of every logger; nullptr without a Logging.
Poco::AutoPtr<LogChannel> current() {
    return Poco::Logger::root().getChannel().cast<LogChannel>();
}

/// The unwritten lines; nullptr without a Logging. A signal handler finds it nowhere else.
std::atomic<const std::atomic<std::size_t>*> unwritten{nullptr};

/// Gives the writing thread a moment, since other threads still run. Only async-signal-safe calls.
void onCrash(int signal) {
    const std::atomic<std::size_t>* const lines = unwritten;
    for (int i = 0; i < 50 && lines != nullptr && *lines > 0; ++i) {
        const timespec moment{0, 5'000'000};
        nanosleep(&moment, nullptr);
    }
    // Blocked until this returns; then the default action ends the process.
    (void)raise(signal);
}

void letLastLinesOutOnCrash() {
    for (const int signal : {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT}) {
        struct sigaction before {};
        // A sanitizer has a handler already.
        if (sigaction(signal, nullptr, &before) == 0 && before.sa_handler == SIG_DFL) {
            struct sigaction action {};
            action.sa_handler = onCrash;
            action.sa_flags = static_cast<int>(SA_RESETHAND);
            (void)sigaction(signal, &action, nullptr);
        }
    }
    // The library's handler writes to standard error itself, which may have no reader.
    std::set_terminate([] {
        std::string what = "an exception that is not a std::exception";
        try {
            if (const std::exception_ptr error = std::current_exception()) {
                std::rethrow_exception(error);
            }
            what = "no exception";
        } catch (const Poco::Exception& error) {
            what = error.displayText();
        } catch (const std::exception& error) {
            what = error.what();
        } catch (...) {
            // Its text is in `what`.
        }
        Poco::Logger::get("engine").fatal("the process ends by std::terminate: " + what);
        std::abort();
    });
}

}  // namespace

void Logging::ThreadErrors::exception(const Poco::Exception& error) {
    Poco::Logger::get("thread").error(error.displayText());
}
void Logging::ThreadErrors::exception(const std::exception& error) {
    Poco::Logger::get("thread").error(error.what());
}
void Logging::ThreadErrors::exception() {
    Poco::Logger::get("thread").error("unknown exception");
}

Logging::Logging(const Configuration& config)
    : channel_(new LogChannel(
          STDERR_FILENO, LogChannel::formatFor(Settings::logging(config).format, STDERR_FILENO))),
      before_(Poco::ErrorHandler::set(&errors_)) {
    // The root's name is empty: this reaches it and every logger below it, once there is a root.
    Poco::Logger::root();
    Poco::Logger::setChannel("", channel_);
    unwritten = &channel_->writer().waiting();
    letLastLinesOutOnCrash();
    hide(config);
    apply(config);
}

Logging::~Logging() {
    Poco::ErrorHandler::set(before_);
    unwritten = nullptr;
    Poco::Logger::setChannel("", Poco::makeAuto<Poco::NullChannel>());
}

void Logging::apply(const Configuration& config) {
    Poco::Logger::setLevel("", Poco::Logger::parseLevel(Settings::logging(config).level));
}

void Logging::hide(const Configuration& config) {
    if (Poco::AutoPtr<LogChannel> channel = current(); !channel.isNull()) {
        channel->hide(secretsOf(config));
    }
}

void Logging::flush(std::chrono::milliseconds timeout) {
    if (Poco::AutoPtr<LogChannel> channel = current(); !channel.isNull()) {
        (void)channel->writer().flush(timeout);
    }
}

std::uint64_t Logging::dropped() {
    const Poco::AutoPtr<LogChannel> channel = current();
    return !channel.isNull() ? channel->writer().dropped() : 0;
}

std::string Logging::masked(const std::string& text) {
    const Poco::AutoPtr<LogChannel> channel = current();
    return !channel.isNull() ? channel->withoutSecrets(text) : text;
}

std::string messageOf(const std::exception& error) {
    const auto* poco = dynamic_cast<const Poco::Exception*>(&error);
    return poco != nullptr ? poco->displayText() : error.what();
}

}  // namespace drover
