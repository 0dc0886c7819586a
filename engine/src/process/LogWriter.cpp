#include "process/LogWriter.h"

#include <algorithm>
#include <cerrno>
#include <climits>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/Guarded.h"

namespace drover {

namespace {

using std::chrono::milliseconds;

/// How long the destructor waits for unwritten lines, and then for the thread.
constexpr milliseconds kLastFlush{1000};
constexpr milliseconds kLastMoment{300};
/// How often a thread that waits for a reader checks whether to end.
constexpr int kLookMs = 100;

}  // namespace

/// Shared with the thread, which may outlive the LogWriter.
struct LogWriter::State {
    State(int toDescriptor, Notice toNotice, Limits within)
        : descriptor(toDescriptor), notice(std::move(toNotice)), limits(within) {
        struct stat what {};
        // A pipe with room for PIPE_BUF bytes accepts that much at once; more could wait for a reader.
        piece = fstat(descriptor, &what) == 0 && S_ISREG(what.st_mode) ? limits.bytes : PIPE_BUF;
    }

    [[nodiscard]] bool room(std::size_t size) const {
        return waiting < limits.lines && (waiting == 0 || bytes + size <= limits.bytes);
    }
    void append(std::string line) {
        bytes += line.size();
        ++waiting;
        lines.push_back(std::move(line));
    }
    /// With mutex held. Queues the notice if lines were dropped since the last one.
    void appendNotice() {
        if (unreported > 0 && notice) {
            std::string line = notice(unreported);
            unreported = 0;
            append(std::move(line));
        }
    }
    /// False: the bytes are lost.
    bool write(const std::string& text) {
        for (std::size_t at = 0; at < text.size();) {
            pollfd writable{descriptor, POLLOUT, 0};
            const int ready = ::poll(&writable, 1, kLookMs);
            if (ready <= 0) {
                if (abandoned) {
                    return false;
                }
                continue;
            }
            const ssize_t count =
                ::write(descriptor, text.data() + at, std::min(piece, text.size() - at));
            if (count < 0 && (errno == EINTR || errno == EAGAIN)) {
                continue;
            }
            if (count <= 0) {
                return false;
            }
            at += static_cast<std::size_t>(count);
            stuck = false;
        }
        return true;
    }

    const int descriptor;
    const Notice notice;
    const Limits limits;
    std::size_t piece;

    std::mutex mutex;
    std::condition_variable arrived;
    std::condition_variable written;
    std::deque<std::string> lines;
    std::size_t bytes = 0;                ///< The bytes of lines that wait or are being written,
    std::atomic<std::size_t> waiting{0};  ///< and how many these are.
    std::uint64_t dropped = 0;
    std::uint64_t unreported = 0;  ///< Dropped since the last notice.
    bool stopping = false;
    bool ended = false;
    std::atomic<bool> abandoned{false};
    std::atomic<bool> stuck{false};  ///< A flush timed out, and nothing was written since.
};

LogWriter::LogWriter(int descriptor, Notice notice, Limits limits)
    : state_(std::make_shared<State>(descriptor, std::move(notice), limits)),
      thread_([state = state_] {
          (void)runGuarded("log", [&state] { run(*state); });
          const std::lock_guard lock(state->mutex);
          state->ended = true;
          state->written.notify_all();
      }) {}

LogWriter::~LogWriter() {
    (void)flush(kLastFlush);
    std::unique_lock lock(state_->mutex);
    state_->stopping = true;
    state_->abandoned = true;
    state_->arrived.notify_all();
    const bool ended =
        state_->written.wait_for(lock, kLastMoment, [this] { return state_->ended; });
    lock.unlock();
    if (ended) {
        thread_.join();
    } else {
        thread_
            .detach();  // Inside of write(): another process filled the pipe between poll() and it.
    }
}

void LogWriter::push(std::string line) {
    State& state = *state_;
    const std::lock_guard lock(state.mutex);
    if (!state.room(line.size())) {
        ++state.dropped;
        ++state.unreported;
        return;
    }
    state.appendNotice();
    state.append(std::move(line));
    state.arrived.notify_one();
}

bool LogWriter::flush(milliseconds timeout) {
    std::unique_lock lock(state_->mutex);
    const bool all =
        state_->written.wait_for(lock, timeout, [this] { return state_->waiting == 0; });
    if (!all) {
        state_->stuck = true;
    }
    return all;
}

void LogWriter::flushUnlessStuck(milliseconds timeout) {
    if (!state_->stuck) {
        (void)flush(timeout);
    }
}

std::uint64_t LogWriter::dropped() const {
    const std::lock_guard lock(state_->mutex);
    return state_->dropped;
}

const std::atomic<std::size_t>& LogWriter::waiting() const {
    return state_->waiting;
}

void LogWriter::run(State& state) {
    std::unique_lock lock(state.mutex);
    bool flows = true;
    while (true) {
        if (flows && state.lines.empty()) {
            state.appendNotice();
        }
        state.arrived.wait(lock, [&] { return state.stopping || !state.lines.empty(); });
        if (state.lines.empty()) {
            return;
        }
        std::string text;
        std::size_t count = 0;
        while (!state.lines.empty() &&
               (count == 0 || text.size() + state.lines.front().size() <= PIPE_BUF)) {
            text += state.lines.front();
            state.lines.pop_front();
            ++count;
        }
        lock.unlock();
        flows = state.write(text);
        lock.lock();
        state.bytes -= text.size();
        state.waiting -= count;
        if (!flows) {
            state.dropped += count;
            state.unreported += count;
        }
        if (state.waiting == 0) {
            state.written.notify_all();
        }
    }
}

}  // namespace drover
