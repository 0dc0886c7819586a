#pragma once

#if DROVER_FAILPOINTS
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <signal.h>
#include <string>
#include <time.h>
#endif

namespace drover {

/// A place where a test build can be made to die, stop or sleep: `DROVER_FAIL=phase[:n][,kill|stop|sleep]`.
///
/// At the n-th passage (default: the first) of the named phase the process kills itself (SIGKILL, the default), stops
/// itself (SIGSTOP) or sleeps for 5 s in that thread. Compiled to nothing unless the build has DROVER_FAILPOINTS.
#if DROVER_FAILPOINTS
inline void failpoint(const char* phase) {
    static const std::string kSetting = [] {
        const char* value = std::getenv("DROVER_FAIL");
        return std::string(value == nullptr ? "" : value);
    }();
    if (kSetting.empty()) {
        return;
    }
    const auto comma = kSetting.find(',');
    const std::string where = kSetting.substr(0, comma);
    const std::string action = comma == std::string::npos ? "kill" : kSetting.substr(comma + 1);
    const auto colon = where.find(':');
    if (where.substr(0, colon) != phase) {
        return;
    }
    const long wanted =
        colon == std::string::npos ? 1 : std::strtol(where.c_str() + colon + 1, nullptr, 10);
    static std::atomic<long> passages{0};
    if (++passages != wanted) {
        return;
    }
    if (action == "kill") {
        raise(SIGKILL);
    } else if (action == "stop") {
        raise(SIGSTOP);
    } else if (action == "sleep") {
        const timespec duration{5, 0};
        nanosleep(&duration, nullptr);
    }
}
#else
inline void failpoint(const char* /*phase*/) {}
#endif

}  // namespace drover
