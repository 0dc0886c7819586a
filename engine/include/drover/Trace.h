#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "drover/Export.h"
#include "drover/TraceContext.h"

namespace drover {

/// The beginning of a span: all that a span costs which is not recorded.
struct SpanStart {
    TraceContext context;
    std::uint64_t parentId = 0;  ///< 0: a root.
    std::int64_t beganNs = 0;    ///< Epoch nanoseconds; 0 for a span that is not recorded.
};

using SpanValue = std::variant<std::string, std::int64_t, bool, std::vector<std::string>>;

/// Names and values of a span or of one of its events, bounded in number and length.
class DROVER_API SpanAttributes {
public:
    static constexpr std::size_t kMost = 64;
    /// Bytes of a text; the rest is cut off, at the beginning of a character.
    static constexpr std::size_t kMostBytes = 2048;

    /// Adds an attribute; beyond kMost it counts as dropped.
    void set(std::string_view name, SpanValue value);
    [[nodiscard]] const std::vector<std::pair<std::string, SpanValue>>& all() const { return all_; }
    [[nodiscard]] std::size_t dropped() const { return dropped_; }

private:
    std::vector<std::pair<std::string, SpanValue>> all_;
    std::size_t dropped_ = 0;
};

/// An operation with its times, as OpenTelemetry describes it.
struct DROVER_API Span {
    enum class Kind { Internal = 1, Server = 2, Client = 3, Producer = 4, Consumer = 5 };

    struct Event {
        std::string name;
        std::int64_t atNs = 0;
        SpanAttributes attributes{};
    };

    std::string name;
    Kind kind = Kind::Internal;
    SpanStart start;
    std::int64_t endedNs = 0;
    SpanAttributes attributes{};
    std::vector<Event> events{};
    bool failed = false;
    std::string failure{};  ///< Why it failed.

    void fail(std::string_view why);
};

/// Decides which spans are recorded, and passes them to an exporter through a bounded queue.
///
/// The engine exports them by OTLP (`trace.*`). A program that links drover::client calls pop() and exports them itself.
/// Threads: every method may be called from any thread; none but pop() waits.
class DROVER_API Tracer {
public:
    struct Settings {
        double ratio = 1;  ///< The share of the traces that begin here, in [0, 1].
        bool followsParent =
            true;  ///< A span with a parent is recorded if its parent is, whatever `ratio`.
        /// A job carries the context of a span that is not recorded as well, so that its worker records none either.
        bool passUnsampled = true;
        std::size_t maxQueued = 2048;  ///< Spans that wait for pop(); one more is dropped.
        std::size_t wakeAt = 512;      ///< Spans that end the wait of pop().
    };

    explicit Tracer(const Settings& settings);
    Tracer(const Tracer&) = delete;
    Tracer& operator=(const Tracer&) = delete;

    /// Begins a span: in the trace of `parent`, or in one of its own if that is not set. Allocates nothing but a copy of
    /// the parent's `state`.
    [[nodiscard]] SpanStart start(const TraceContext& parent) const;
    /// As start(), with the time at which it began.
    [[nodiscard]] SpanStart start(const TraceContext& parent, std::int64_t beganNs) const;
    /// Returns what a job carries of the span that adds it, for its option `tm`; empty: nothing. Any thread.
    [[nodiscard]] std::string metadataOf(const SpanStart& start) const;
    /// Queues a span that has ended. Drops it, and counts that, if the queue is full or closed.
    void record(Span span);

    /// Returns up to `most` spans, the oldest first. Waits up to `wait` for `wakeAt` of them, or for wake().
    [[nodiscard]] std::vector<Span> pop(std::size_t most, std::chrono::milliseconds wait);
    /// Ends the present wait of pop(), and every later one.
    void wake();

    [[nodiscard]] std::uint64_t recorded() const { return recorded_; }
    [[nodiscard]] std::uint64_t dropped() const { return dropped_; }
    [[nodiscard]] std::size_t queued() const;

    /// Returns the time as spans have it.
    [[nodiscard]] static std::int64_t nowNs();

private:
    const Settings settings_;
    const std::uint64_t threshold_;  ///< The end of the trace ids that are recorded.
    mutable std::mutex mutex_;
    std::condition_variable changed_;
    std::vector<Span> queued_;  ///< Guarded by mutex_.
    bool woken_ = false;        ///< Guarded by mutex_.
    std::atomic<std::uint64_t> recorded_{0};
    std::atomic<std::uint64_t> dropped_{0};
};

}  // namespace drover
