#include "app/Logging.h"

#include <unistd.h>

#include <Poco/Logger.h>
#include <Poco/NullChannel.h>

#include "app/Settings.h"

namespace drover {

namespace {

/// That of every logger; nullptr while there is no Logging.
LogChannel* current() {
    return dynamic_cast<LogChannel*>(Poco::Logger::root().getChannel().get());
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
    hide(config);
    apply(config);
}

Logging::~Logging() {
    Poco::ErrorHandler::set(before_);
    Poco::Logger::setChannel("", Poco::makeAuto<Poco::NullChannel>());
}

void Logging::apply(const Configuration& config) {
    Poco::Logger::setLevel("", Poco::Logger::parseLevel(Settings::logging(config).level));
}

void Logging::hide(const Configuration& config) {
    if (LogChannel* const channel = current()) {
        channel->hide(config.secrets());
    }
}

std::string Logging::masked(const std::string& text) {
    const LogChannel* const channel = current();
    return channel != nullptr ? channel->withoutSecrets(text) : text;
}

}  // namespace drover
