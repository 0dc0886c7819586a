#include "ProcessFigures.h"

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <sys/resource.h>
#include <system_error>
#include <unistd.h>

namespace drover::metrics {

namespace {

/// The fields of /proc/self/stat behind the name of the program (proc(5)), which is field 2.
struct Stat {
    double processorSeconds = 0;
    double threads = 0;
    double sinceBootSeconds = 0;  ///< The start of the process.
    double virtualBytes = 0;
    double residentBytes = 0;
    bool known = false;
};

Stat readStat() {
    std::ifstream file("/proc/self/stat");
    std::string text;
    std::getline(file, text);
    const std::size_t name = text.rfind(')');
    Stat stat;
    if (name == std::string::npos) {
        return stat;
    }
    const auto ticks = static_cast<double>(sysconf(_SC_CLK_TCK));
    std::size_t at = name + 2;
    for (int field = 3; field <= 24 && at < text.size(); ++field) {
        const std::size_t end = text.find(' ', at);
        const double value = field == 3 ? 0 : std::stod(text.substr(at, end - at));
        switch (field) {
            case 14:  // utime
            case 15:  // stime
                stat.processorSeconds += value / ticks;
                break;
            case 20:
                stat.threads = value;
                break;
            case 22:
                stat.sinceBootSeconds = value / ticks;
                break;
            case 23:
                stat.virtualBytes = value;
                break;
            case 24:
                stat.residentBytes = value * static_cast<double>(sysconf(_SC_PAGESIZE));
                stat.known = true;
                break;
            default:
                break;
        }
        at = end == std::string::npos ? text.size() : end + 1;
    }
    return stat;
}

/// Returns when the machine started, in s since the epoch; 0: unknown.
double bootTime() {
    std::ifstream file("/proc/stat");
    for (std::string line; std::getline(file, line);) {
        if (line.rfind("btime ", 0) == 0) {
            return std::stod(line.substr(6));
        }
    }
    return 0;
}

}  // namespace

void addProcess(Metrics& metrics) {
    const Stat stat = readStat();
    if (stat.known) {
        metrics
            .counter("process_cpu_seconds_total", "Total user and system CPU time spent in seconds")
            .add({}, stat.processorSeconds);
        metrics.gauge("process_resident_memory_bytes", "Resident memory size in bytes")
            .add({}, stat.residentBytes);
        metrics.gauge("process_virtual_memory_bytes", "Virtual memory size in bytes")
            .add({}, stat.virtualBytes);
        metrics.gauge("process_threads", "Number of OS threads in the process")
            .add({}, stat.threads);
        if (const double boot = bootTime(); boot > 0) {
            metrics
                .gauge("process_start_time_seconds",
                       "Start time of the process since unix epoch in seconds")
                .add({}, boot + stat.sinceBootSeconds);
        }
    }
    std::error_code error;
    std::uint64_t descriptors = 0;
    for (std::filesystem::directory_iterator entry("/proc/self/fd", error), end;
         !error && entry != end;
         entry.increment(error)) {
        ++descriptors;
    }
    if (!error) {
        metrics.gauge("process_open_fds", "Number of open file descriptors").add({}, descriptors);
    }
    rlimit limit{};
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        metrics.gauge("process_max_fds", "Maximum number of open file descriptors")
            .add({}, limit.rlim_cur);
    }
}

}  // namespace drover::metrics
