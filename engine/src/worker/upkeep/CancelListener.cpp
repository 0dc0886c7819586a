#include "worker/upkeep/CancelListener.h"

#include <algorithm>
#include <chrono>
#include <optional>
#include <poll.h>
#include <utility>

#include "core/Guarded.h"
#include "core/JobFields.h"
#include "core/JsonText.h"
#include "drover/Exceptions.h"
#include "queue/QueueContext.h"

namespace drover {

namespace {

using SteadyClock = std::chrono::steady_clock;

/// How much later than the block's own timeout a reply may come before the connection counts as dead.
constexpr std::chrono::milliseconds kMargin{1000};
/// The pause after an error that no repetition cures; the renewal of locks finds requests meanwhile.
constexpr std::chrono::milliseconds kQuarantine{60000};
constexpr std::chrono::milliseconds kShortestPause{10};
constexpr const char* kBeginning = "0-0";

}  // namespace

void cancelRun(HeldJobs& held,
               const std::string& queue,
               const std::string& id,
               const std::string& token,
               const std::string& words) {
    // A command line in another encoding must not reach the handler or the failed reason as it is.
    const std::string why = repairedUtf8(words);
    if (held.cancel(id, token, CancelReason::Remote, why)) {
        Log("worker").information("a request cancels the job" +
                                      (why.empty() ? why : " (" + why + ")") +
                                      "; its cancel token is set",
                                  {.queue = queueNameOf(queue), .job = id});
    }
}

CancelListener::CancelListener(std::unique_ptr<RedisClient> redis, std::chrono::milliseconds block)
    : redis_(std::move(redis)), block_(block) {}

CancelListener::~CancelListener() {
    stop();
}

void CancelListener::watch(const QueueContext& queue, HeldJobs& held) {
    {
        const std::lock_guard lock(mutex_);
        added_.push_back({&queue, &held, queue.keys().cancels, kBeginning});
    }
    wake_.raise();
}

void CancelListener::start() {
    thread_ = std::thread([this] {
        while (!stopping_ && !runGuarded("cancel-listener", [this] { loop(); })) {
            pause(kQuarantine);
        }
    });
}

void CancelListener::stop() {
    stopping_ = true;
    wake_.raise();
    if (thread_.joinable()) {
        thread_.join();
    }
}

void CancelListener::loop() {
    while (true) {
        // Before the queues are looked for: a queue that is added from here on ends the read, which does not have it.
        wake_.clear();
        if (stopping_) {
            break;
        }
        {
            const std::lock_guard lock(mutex_);
            watched_.insert(watched_.end(), added_.begin(), added_.end());
            added_.clear();
        }
        try {
            read();
        } catch (const RedisIoException&) {
            // Logged when the outage began.
            pause(std::max(std::chrono::duration_cast<std::chrono::milliseconds>(
                               redis_->nextAttempt() - SteadyClock::now()),
                           kShortestPause));
        } catch (const Exception& error) {
            Log("worker").warning(
                "only the renewal of locks reads requests to cancel jobs for a while: " +
                error.message());
            redis_->drop();
            pause(kQuarantine);
        }
    }
    redis_->drop();
}

void CancelListener::read() {
    if (watched_.empty()) {
        pause(block_);
        return;
    }
    Command command{"XREAD", "BLOCK"};
    command.add(static_cast<std::int64_t>(block_.count())).add("STREAMS");
    for (const Watched& watched : watched_) {
        command.add(watched.key);
    }
    for (const Watched& watched : watched_) {
        command.add(watched.after);
    }
    std::optional<Reply> reply;
    try {
        Connection& link = redis_->connection();
        link.send(command, SteadyClock::now() + redis_->options().commandTimeout);
        auto deadline = SteadyClock::now() + block_ + kMargin;
        while (!(reply = link.tryReceive())) {
            const auto left = deadline - SteadyClock::now();
            if (left <= left.zero() && redis_->refusedAnywhere()) {
                // Nothing ends a block while a script runs or data are loaded.
                deadline = SteadyClock::now() + kMargin;
                continue;
            }
            if (left <= left.zero()) {
                throw RedisTimeoutException("no answer to XREAD within its timeout");
            }
            pollfd fds[2] = {{link.fd(), POLLIN, 0}, {wake_.fd(), POLLIN, 0}};
            poll(fds,
                 2,
                 static_cast<int>(std::chrono::ceil<std::chrono::milliseconds>(left).count()));
            if (fds[1].revents != 0) {
                // Another queue, or the end. The read is given up with its connection; it has read nothing.
                redis_->drop();
                return;
            }
        }
    } catch (const RedisIoException& error) {
        redis_->fail(error.message());
        throw;
    }
    redis_->require(*reply, "XREAD");
    if (reply->size() == 0) {
        // The streams may belong to another Redis now, whose clock is behind.
        for (Watched& watched : watched_) {
            watched.after = kBeginning;
        }
        return;
    }
    apply(*reply);
}

void CancelListener::apply(const ReplyView& streams) {
    for (std::size_t s = 0; s < streams.size(); ++s) {
        const auto watched =
            std::find_if(watched_.begin(), watched_.end(), [&](const Watched& one) {
                return one.key == streams.at(s).at(0).text();
            });
        const ReplyView entries = streams.at(s).at(1);
        for (std::size_t i = 0; watched != watched_.end() && i < entries.size(); ++i) {
            watched->after = entries.at(i).at(0).text();
            const ReplyView fields = entries.at(i).at(1);
            std::string id, token, why;
            for (std::size_t f = 0; f + 1 < fields.size(); f += 2) {
                const std::string_view name = fields.at(f).text();
                std::string& value = name == "id" ? id : name == "token" ? token : why;
                value = fields.at(f + 1).text();
            }
            cancelRun(*watched->held, watched->queue->keys().qualifiedName(), id, token, why);
        }
    }
}

void CancelListener::pause(std::chrono::milliseconds duration) {
    pollfd fd{wake_.fd(), POLLIN, 0};
    poll(&fd, 1, static_cast<int>(duration.count()));
}

}  // namespace drover
