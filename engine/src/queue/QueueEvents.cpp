#include "drover/QueueEvents.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <charconv>
#include <condition_variable>
#include <cstdlib>
#include <mutex>
#include <poll.h>
#include <thread>

#include <Poco/Exception.h>

#include "core/Guarded.h"
#include "core/Log.h"
#include "core/Strtod.h"
#include "core/WakeSignal.h"
#include "drover/Exceptions.h"
#include "queue/EventTypes.h"
#include "queue/QueueKeys.h"
#include "redis/RedisShared.h"

namespace drover {

namespace {

using SteadyClock = std::chrono::steady_clock;
using Type = QueueEvent::Type;

/// Bound a reply after a long outage: a read is for fewer entries while they are large.
constexpr int kEntriesPerRead = 1000;
constexpr std::size_t kBytesPerRead = 8 << 20;
/// How much later than the block's own timeout a reply may come before the connection counts as dead.
constexpr std::chrono::milliseconds kMargin{1000};
/// How long a stream is left alone whose key answers with an error that no repetition cures.
constexpr std::chrono::milliseconds kQuarantine{5000};
constexpr std::chrono::milliseconds kShortestPause{10};
/// Trimming spares the latest entries, at least those of about one node of the stream.
constexpr std::size_t kEntriesOfANode = 100;
constexpr const char* kBeginning = "0-0";

constexpr std::array<std::pair<std::string_view, Type>, 17> kTypes = {{
    {"added", Type::Added},
    {"waiting", Type::Waiting},
    {"delayed", Type::Delayed},
    {"waiting-children", Type::WaitingChildren},
    {"active", Type::Active},
    {"progress", Type::Progress},
    {"completed", Type::Completed},
    {"failed", Type::Failed},
    {"retries-exhausted", Type::RetriesExhausted},
    {"stalled", Type::Stalled},
    {"drained", Type::Drained},
    {"paused", Type::Paused},
    {"resumed", Type::Resumed},
    {"cleaned", Type::Cleaned},
    {"removed", Type::Removed},
    {"duplicated", Type::Duplicated},
    {"deduplicated", Type::Deduplicated},
}};

/// Returns an id of the stream as numbers, for comparisons; std::nullopt for any other text.
std::optional<std::pair<std::uint64_t, std::uint64_t>> parsedId(std::string_view id) {
    std::pair<std::uint64_t, std::uint64_t> parsed{0, 0};
    const char* const end = id.data() + id.size();
    auto read = std::from_chars(id.data(), end, parsed.first);
    if (read.ec != std::errc()) {
        return std::nullopt;
    }
    if (read.ptr != end && *read.ptr == '-') {
        read = std::from_chars(read.ptr + 1, end, parsed.second);
    }
    return read.ec == std::errc() && read.ptr == end ? std::optional(parsed) : std::nullopt;
}

}  // namespace

Type eventTypeOf(std::string_view name) {
    const auto* const known = std::find_if(
        kTypes.begin(), kTypes.end(), [name](const auto& one) { return one.first == name; });
    return known == kTypes.end() ? Type::Other : known->second;
}

QueueEvent eventOf(const ReplyView& entry) {
    QueueEvent event;
    event.id = entry.at(0).text();
    const ReplyView fields = entry.at(1);
    for (std::size_t i = 0; i + 1 < fields.size(); i += 2) {
        const std::string_view name = fields.at(i).text();
        const std::string_view value = fields.at(i + 1).text();
        if (name == "event" && event.name.empty()) {
            event.name = value;
        } else {
            event.fields.emplace_back(name, value);
        }
    }
    event.type = eventTypeOf(event.name);
    return event;
}

EventPage eventsBehind(const QueueContext& queue,
                       RedisClient& redis,
                       const std::string& after,
                       int most) {
    const auto id = parsedId(after);
    if (!id) {
        throw Poco::InvalidArgumentException(
            "\"" + after + "\" is not an id of a stream, such as 1700000000000-0");
    }
    const std::string& key = queue.keys().events;
    EventPage page;
    page.next = after;
    const Reply found =
        redis.call(Command{"XRANGE", key}.own("(" + after).add("+").add("COUNT").add(most));
    for (std::size_t i = 0; i < found.size(); ++i) {
        page.events.push_back(eventOf(found.at(i)));
        page.next = page.events.back().id;
    }
    if (*id == std::pair<std::uint64_t, std::uint64_t>{0, 0}) {
        return page;
    }
    // Read behind the page: a stream that is trimmed in between is a gap too many, never one too few.
    const Reply oldest = redis.call(Command{"XRANGE", key, "-", "+", "COUNT", "1"});
    page.gap = oldest.size() == 0 || *id < *parsedId(oldest.at(0).at(0).text());
    if (page.events.empty()) {
        const Reply newest = redis.call(Command{"XREVRANGE", key, "+", "-", "COUNT", "1"});
        const bool anew = newest.size() == 0 || *parsedId(newest.at(0).at(0).text()) < *id;
        page.gap = page.gap || anew;
        page.next = anew ? kBeginning : page.next;
    }
    return page;
}

std::optional<std::string_view> QueueEvent::field(std::string_view wanted) const {
    for (const auto& [key, value] : fields) {
        if (key == wanted) {
            return value;
        }
    }
    return std::nullopt;
}

namespace {

std::string_view textOf(const QueueEvent& event, std::string_view name) {
    return event.field(name).value_or(std::string_view());
}

std::optional<std::int64_t> numberOf(const QueueEvent& event, std::string_view name) {
    const std::string text(textOf(event, name));
    char* end = nullptr;
    // As Node reads it: a due time of a custom clock may have a fraction.
    const double number = strtodC(text.c_str(), &end);
    const bool whole = !text.empty() && *end == '\0' && std::abs(number) < 9.2e18;
    return whole ? std::optional(static_cast<std::int64_t>(number)) : std::nullopt;
}

}  // namespace

std::string_view QueueEvent::jobId() const {
    return textOf(*this, "jobId");
}
std::string_view QueueEvent::jobName() const {
    return textOf(*this, "name");
}
std::string_view QueueEvent::prev() const {
    return textOf(*this, "prev");
}
std::optional<std::int64_t> QueueEvent::dueMs() const {
    return numberOf(*this, "delay");
}
std::string_view QueueEvent::progress() const {
    return textOf(*this, "data");
}
std::string_view QueueEvent::returnValue() const {
    return textOf(*this, "returnvalue");
}
std::string_view QueueEvent::failedReason() const {
    return textOf(*this, "failedReason");
}
std::optional<std::int64_t> QueueEvent::attemptsMade() const {
    return numberOf(*this, "attemptsMade");
}
std::optional<std::int64_t> QueueEvent::count() const {
    return numberOf(*this, "count");
}
std::string_view QueueEvent::deduplicationId() const {
    return textOf(*this, "deduplicationId");
}
std::string_view QueueEvent::deduplicatedJobId() const {
    return textOf(*this, "deduplicatedJobId");
}

class QueueEvents::Impl {
public:
    Impl(const RedisOptions& redis, Settings settings, Listener listener)
        : settings_(std::move(settings)),
          listener_(std::move(listener)),
          keys_(settings_.prefix, settings_.name),
          log_("events", {.queue = settings_.name}),
          redis_(redis, "events " + settings_.name, keys_.eventsClientName()) {
        if (settings_.after != "$" && !parsedId(settings_.after)) {
            throw Poco::InvalidArgumentException("\"" + settings_.after +
                                                 "\" is neither \"$\" nor an id of a stream");
        }
        if (settings_.blockTimeout.count() < 1) {
            // 0 would block for ever: a connection that died without a word would never be noticed.
            throw Poco::InvalidArgumentException("blockTimeout must be at least 1 ms");
        }
        if (settings_.after != "$") {
            position_ = settings_.after;
        }
        thread_ = std::thread([this] {
            reader_ = std::this_thread::get_id();
            while (!stopping_ && !runGuarded("queue-events", [this] { loop(); })) {
                pause(kQuarantine);
            }
        });
    }
    ~Impl() { stop(); }

    void stop() {
        stopping_ = true;
        wake_.raise();
        if (std::this_thread::get_id() == reader_) {
            return;
        }
        const std::lock_guard lock(joining_);
        if (thread_.joinable()) {
            thread_.join();
        }
    }

    bool waitUntilReady(std::chrono::milliseconds patience) {
        std::unique_lock lock(mutex_);
        return moved_.wait_for(lock, patience, [this] { return !position_.empty(); });
    }

    std::string lastId() const {
        const std::lock_guard lock(mutex_);
        return position_;
    }

    bool healthy() const { return redis_.healthy(); }

private:
    void loop() {
        while (!stopping_) {
            try {
                if (lastId().empty()) {
                    moveTo(newestId());
                } else if (interrupted_) {
                    redis_.connection();
                    reportGap();
                }
                interrupted_ = false;
                read();
            } catch (const RedisIoException&) {
                // Logged when the outage began.
                interrupted_ = true;
                pause(std::max(std::chrono::duration_cast<std::chrono::milliseconds>(
                                   redis_.nextAttempt() - SteadyClock::now()),
                               kShortestPause));
            } catch (const Exception& error) {
                log_.error(error.message() + "; the stream is read again in " +
                           std::to_string(kQuarantine.count() / 1000) + " s");
                pause(kQuarantine);
            }
        }
        redis_.drop();
    }

    /// Returns the id of the last entry, which "$" stands for. Read once: XREAD would resolve "$" anew at each call, and miss
    /// the entries between two calls.
    std::string newestId() {
        const Reply newest =
            redis_.call(Command{"XREVRANGE", keys_.events, "+", "-", "COUNT", "1"});
        return newest.size() == 0 ? kBeginning : std::string(newest.at(0).at(0).text());
    }

    /// Calls the listener of gaps: entries behind the last one may have been trimmed before they were read.
    void reportGap() {
        if (settings_.onGap) {
            callGuarded("a gap in the stream", [this] { settings_.onGap(); });
        }
    }

    /// Reports a gap if the stream begins behind the entry that a read went on from.
    void detectTrimming(const std::string& from) {
        const Reply oldest = redis_.call(Command{"XRANGE", keys_.events, "-", "+", "COUNT", "1"});
        if (oldest.size() == 0 || parsedId(from) < parsedId(oldest.at(0).at(0).text())) {
            reportGap();
        }
    }

    /// Runs one XREAD, and calls the listener for each entry.
    void read() {
        Command command{"XREAD", "COUNT"};
        command.add(entriesPerRead_).add("BLOCK");
        command.add(static_cast<std::int64_t>(settings_.blockTimeout.count()));
        command.add("STREAMS").add(keys_.events).own(lastId());
        const std::optional<Reply> reply = awaitReply(command);
        if (!reply) {
            return;
        }
        redis_.require(*reply, "XREAD " + keys_.events, keys_.events);
        if (reply->size() == 0) {
            detectNewStream();
            return;
        }
        const std::string from = lastId();
        const ReplyView entries = reply->at(0).at(1);
        std::size_t bytes = 0;
        for (std::size_t i = 0; i < entries.size() && !stopping_; ++i) {
            const QueueEvent event = eventOf(entries.at(i));
            for (const auto& [name, value] : event.fields) {
                bytes += value.size();
            }
            deliver(event);
        }
        // A reader that is behind may be overtaken by the trimming.
        if (settings_.onGap && !stopping_ && entries.size() >= kEntriesOfANode) {
            detectTrimming(from);
        }
        entriesPerRead_ = bytes > kBytesPerRead ? std::max(entriesPerRead_ / 2, 1)
                                                : std::min(entriesPerRead_ * 2, kEntriesPerRead);
    }

    /// Returns std::nullopt if stop() came first.
    std::optional<Reply> awaitReply(const Command& command) {
        Connection& link = redis_.connection();
        try {
            link.send(command, SteadyClock::now() + redis_.options().commandTimeout);
            auto answerBy = SteadyClock::now() + settings_.blockTimeout + kMargin;
            while (true) {
                if (std::optional<Reply> reply = link.tryReceive()) {
                    return reply;
                }
                const auto deadline =
                    std::max(answerBy, link.lastProgress() + redis_.options().commandTimeout);
                const auto left = deadline - SteadyClock::now();
                if (left <= left.zero() && redis_.refusedAnywhere()) {
                    // Nothing ends a block while a script runs or data are loaded.
                    answerBy = SteadyClock::now() + kMargin;
                    continue;
                }
                if (left <= left.zero()) {
                    throw RedisTimeoutException("no answer to XREAD within its timeout");
                }
                waitFor(link.fd(), std::chrono::ceil<std::chrono::milliseconds>(left));
                if (stopping_) {
                    return std::nullopt;
                }
            }
        } catch (const RedisIoException& error) {
            entriesPerRead_ = std::max(entriesPerRead_ / 2, 1);
            redis_.fail(error.message());
            throw;
        }
    }

    /// Goes to the beginning if the stream was begun anew with lower ids. Called when nothing newer came.
    void detectNewStream() {
        const Reply info = redis_.connection().call(Command{"XINFO", "STREAM", keys_.events});
        // An error reply mostly means that there is no stream: it was deleted, or no job was ever added.
        for (std::size_t i = 0; !info.isError() && i + 1 < info.size(); i += 2) {
            if (info.at(i).text() == "last-generated-id" &&
                parsedId(info.at(i + 1).text()) < parsedId(lastId())) {
                log_.warning("the stream begins anew, at " + std::string(info.at(i + 1).text()) +
                             " after " + lastId());
                moveTo(kBeginning);
                reportGap();
                return;
            }
        }
    }

    void deliver(const QueueEvent& event) {
        callGuarded("the event " + event.id, [&] { listener_(event); });
        moveTo(event.id);
    }

    template <typename Call>
    void callGuarded(const std::string& about, Call call) {
        try {
            call();
        } catch (const Poco::Exception& error) {
            listenerFailed(about, error.displayText());
        } catch (const std::exception& error) {
            listenerFailed(about, error.what());
        } catch (...) {
            listenerFailed(about, "an exception that is not a std::exception");
        }
    }

    void listenerFailed(const std::string& about, const std::string& why) {
        log_.error("the listener threw for " + about + ": " + why);
    }

    void moveTo(std::string id) {
        {
            const std::lock_guard lock(mutex_);
            position_ = std::move(id);
        }
        moved_.notify_all();
    }

    /// Waits until there is something to read, the time is over, or stop() is called.
    void waitFor(int fd, std::chrono::milliseconds time) {
        pollfd waited[2] = {{wake_.fd(), POLLIN, 0}, {fd, POLLIN, 0}};
        poll(waited,
             fd < 0 ? 1 : 2,
             static_cast<int>(std::clamp<std::int64_t>(time.count(), 0, 1000000)));
    }
    void pause(std::chrono::milliseconds time) { waitFor(-1, time); }

    const Settings settings_;
    const Listener listener_;
    const QueueKeys keys_;
    const Log log_;
    RedisClient redis_;  // The thread's, but for healthy().
    WakeSignal wake_;
    std::atomic<bool> stopping_{false};
    mutable std::mutex mutex_;
    std::condition_variable moved_;
    int entriesPerRead_ = kEntriesPerRead;
    bool interrupted_ = false;  // By an outage, since the last read.
    std::string position_;
    std::atomic<std::thread::id> reader_{};
    std::mutex joining_;
    std::thread thread_;
};

QueueEvents::QueueEvents(const Redis& redis, Settings settings, Listener listener)
    : impl_(std::make_unique<Impl>(
          redis.shared().of(settings.prefix + ":" + settings.name)->options(),
          std::move(settings),
          std::move(listener))) {}
QueueEvents::~QueueEvents() = default;

bool QueueEvents::waitUntilReady(std::chrono::milliseconds patience) {
    return impl_->waitUntilReady(patience);
}
std::string QueueEvents::lastId() const {
    return impl_->lastId();
}
bool QueueEvents::healthy() const {
    return impl_->healthy();
}
void QueueEvents::stop() {
    impl_->stop();
}

}  // namespace drover
