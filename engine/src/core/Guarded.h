#pragma once

#include <utility>

namespace drover {

/// Gives the calling thread a name that top, gdb and the log show; 15 characters, the rest is cut off.
void nameThread(const char* name);

/// Logs the exception being handled, as critical, with the thread's name. Call it from a catch block only.
void logThreadEnd(const char* name) noexcept;

/// Runs the body of a thread: names the thread, and lets no exception leave it, since that would end the process.
/// Returns whether the body ended normally; the caller decides whether its loop goes on.
template <typename F>
[[nodiscard]] bool runGuarded(const char* name, F&& body) {
    nameThread(name);
    try {
        std::forward<F>(body)();
        return true;
    } catch (...) {
        logThreadEnd(name);
        return false;
    }
}

}  // namespace drover
