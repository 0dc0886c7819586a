#include "plugin/loading/PluginProbe.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/Descriptor.h"
#include "drover/Exceptions.h"
#include "plugin/isolation/ChildProcess.h"

namespace drover {

namespace {

using Clock = std::chrono::steady_clock;

/// More than any message has; further text of a plugin is dropped.
constexpr std::size_t kMostOutput = 65536;

std::chrono::milliseconds until(Clock::time_point deadline) {
    return std::max(std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()),
                    std::chrono::milliseconds(0));
}

/// Reads until the other end is closed; returns false when the time is over.
bool readAll(int output, Clock::time_point deadline, std::string& text) {
    while (true) {
        pollfd waited{output, POLLIN, 0};
        const int ready = ::poll(&waited, 1, static_cast<int>(until(deadline).count()));
        if (ready < 0 && errno == EINTR) {
            continue;
        }
        if (ready <= 0) {
            return false;
        }
        char buffer[4096];
        const ssize_t got = ::read(output, buffer, sizeof(buffer));
        if (got <= 0) {
            return true;
        }
        if (text.size() < kMostOutput) {
            text.append(buffer, static_cast<std::size_t>(got));
        }
    }
}

/// Returns the last line that is not empty, without the program's name.
std::string lastLine(std::string output) {
    while (!output.empty() && output.back() == '\n') {
        output.pop_back();
    }
    std::string line = output.substr(output.rfind('\n') + 1);
    const std::string program = "drover: ";
    return line.rfind(program, 0) == 0 ? line.substr(program.size()) : line;
}

}  // namespace

PluginProbe::PluginProbe(std::vector<std::string> options, std::chrono::milliseconds timeout)
    : options_(std::move(options)), timeout_(timeout) {}

void PluginProbe::check(const std::string& path) const {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) {
        throw PluginException(path + ": no pipe for its trial: " + std::strerror(errno));
    }
    const Descriptor output(ends[0]);
    Descriptor written(ends[1]);
    std::vector<std::string> args = {"drover", "plugin", "check", path};
    args.insert(args.end(), options_.begin(), options_.end());
    ChildProcess child("/proc/self/exe", std::move(args), {}, written.get());
    written = Descriptor();

    const auto deadline = Clock::now() + timeout_;
    std::string text;
    const bool closed = readAll(output.get(), deadline, text);
    const std::optional<int> status = closed ? child.awaitEnd(until(deadline)) : std::nullopt;
    if (!status) {
        throw PluginException(path + ": loading it and making its handlers does not end within " +
                              std::to_string(timeout_.count()) + " ms (plugins.probeTimeoutMs)");
    }
    const std::string said = lastLine(text);
    if ((*status == 0 || *status == kUnknownEnd) && said.rfind(path + ": good", 0) == 0) {
        return;
    }
    if ((WIFEXITED(*status) || *status == kUnknownEnd) && said.rfind(path + ": ", 0) == 0) {
        throw PluginException(said);
    }
    throw PluginException(path + ": its trial " + describeEnd(*status) +
                          (said.empty() ? "" : "; its last line: " + said));
}

}  // namespace drover
