#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>

namespace drover {

/// Reports the life of the process to the service manager that started it, in the datagrams of sd_notify(3), without
/// libsystemd: systemd with Type=notify, and everything else that sets NOTIFY_SOCKET.
///
/// Without NOTIFY_SOCKET each method does nothing. A datagram that the manager does not accept at once is dropped: a process must
/// not wait for its manager, and the next report says more.
/// Threads: every method may be called from any thread.
class ServiceManager {
public:
    /// No service manager.
    ServiceManager() = default;
    /// Reads NOTIFY_SOCKET (a path, or @name for an abstract socket), WATCHDOG_USEC and WATCHDOG_PID. Throws
    /// ConfigException, naming the variable and both sides, for a value of another form.
    explicit ServiceManager(const std::map<std::string, std::string>& environment);

    /// The process works. Also ends what onReload() began.
    void onReady() const;
    void onReload() const;
    /// The process finishes what runs, and begins nothing new.
    void onStop() const;
    /// One line for a person who looks at the service.
    void showStatus(const std::string& line) const;
    /// Proves that the process is alive; due once within watchdog().
    void feedWatchdog() const;
    /// Returns how long the manager waits for the next feedWatchdog(); std::nullopt: it has no watchdog for this process.
    [[nodiscard]] std::optional<std::chrono::microseconds> watchdog() const { return watchdog_; }

private:
    void send(const std::string& text) const;

    std::string address_;  ///< As in sun_path, an abstract one with a NUL in front; empty: none.
    std::optional<std::chrono::microseconds> watchdog_;
};

}  // namespace drover
