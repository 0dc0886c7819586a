#include "process/ServiceManager.h"

#include <cstddef>
#include <cstring>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "drover/Exceptions.h"

namespace drover {

namespace {

std::string valueOf(const std::map<std::string, std::string>& environment, const char* name) {
    const auto found = environment.find(name);
    return found == environment.end() ? "" : found->second;
}

std::string parseAddress(const std::string& text) {
    if (text.empty()) {
        return "";
    }
    if (text.size() < 2 || (text.front() != '/' && text.front() != '@') ||
        text.size() >= sizeof(sockaddr_un::sun_path)) {
        throw ConfigException(
            "NOTIFY_SOCKET is neither the path of a socket nor @ and a name, of at most " +
            std::to_string(sizeof(sockaddr_un::sun_path) - 1) + " bytes: " + text);
    }
    std::string address = text;
    if (address.front() == '@') {
        address.front() = '\0';
    }
    return address;
}

/// Returns a number above 0; std::nullopt for an empty text. Throws ConfigException for another one.
std::optional<std::int64_t> parsePositive(const char* name, const std::string& text) {
    if (text.empty()) {
        return std::nullopt;
    }
    if (text.size() > 18 || text.find_first_not_of("0123456789") != std::string::npos ||
        std::stoll(text) == 0) {
        throw ConfigException(std::string(name) + " is not a whole number above 0: " + text);
    }
    return std::stoll(text);
}

}  // namespace

ServiceManager::ServiceManager(const std::map<std::string, std::string>& environment)
    : address_(parseAddress(valueOf(environment, "NOTIFY_SOCKET"))) {
    const auto interval = parsePositive("WATCHDOG_USEC", valueOf(environment, "WATCHDOG_USEC"));
    const auto pid = parsePositive("WATCHDOG_PID", valueOf(environment, "WATCHDOG_PID"));
    // The variables may be those of a parent that is watched itself.
    if (!address_.empty() && interval && pid.value_or(getpid()) == getpid()) {
        watchdog_ = std::chrono::microseconds(*interval);
    }
}

void ServiceManager::onReady() const {
    send("READY=1\nSTATUS=running");
}

void ServiceManager::onReload() const {
    // systemd with Type=notify-reload tells this reload from an earlier one by the time.
    timespec now{};
    clock_gettime(CLOCK_MONOTONIC, &now);
    send("RELOADING=1\nMONOTONIC_USEC=" +
         std::to_string(static_cast<std::int64_t>(now.tv_sec) * 1000000 + now.tv_nsec / 1000));
}

void ServiceManager::onStop() const {
    send("STOPPING=1\nSTATUS=finishing running jobs");
}

void ServiceManager::showStatus(const std::string& line) const {
    send("STATUS=" + line.substr(0, line.find('\n')));
}

void ServiceManager::feedWatchdog() const {
    send("WATCHDOG=1");
}

void ServiceManager::send(const std::string& text) const {
    if (address_.empty()) {
        return;
    }
    const int socket = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (socket < 0) {
        return;
    }
    sockaddr_un target{};
    target.sun_family = AF_UNIX;
    std::memcpy(target.sun_path, address_.data(), address_.size());
    const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + address_.size() +
                                               (address_.front() == '\0' ? 0 : 1));
    // A report that cannot be sent is dropped, as the class says.
    (void)::sendto(socket,
                   text.data(),
                   text.size(),
                   MSG_NOSIGNAL,
                   reinterpret_cast<const sockaddr*>(&target),
                   length);
    ::close(socket);
}

}  // namespace drover
