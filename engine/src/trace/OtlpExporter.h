#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <Poco/URI.h>

#include "core/Log.h"
#include "drover/Trace.h"
#include "trace/OtlpJson.h"

namespace drover {

/// Sends the spans of a tracer to a collector by OTLP over HTTP, as JSON, on a thread of its own.
///
/// A batch that the collector cannot accept at the moment (429, 502, 503, 504, or no connection) is sent again, a few times,
/// after a pause or when Retry-After allows. Meanwhile the tracer's queue fills, and then it drops spans. An outage is logged
/// when it begins and when it ends. Each batch has a connection of its own.
/// Threads: every method may be called from any thread, start() and stop() once.
class OtlpExporter {
public:
    using Clock = std::chrono::steady_clock;

    struct Settings {
        std::string endpoint;  ///< "http://host:4318/v1/traces", or https.
        std::vector<std::pair<std::string, std::string>> headers;
        std::string caFile;  ///< For https; empty: the certificates that the machine trusts.
        std::chrono::milliseconds timeout{10000};  ///< Bounds connecting, and each read and write.
        std::chrono::milliseconds delay{5000};     ///< The longest wait for a full batch.
        std::size_t maxBatch = 512;
        std::chrono::milliseconds firstPause{1000};  ///< Before the second attempt; it doubles.
        int attempts = 5;
        TraceResource resource;
    };
    struct Counts {
        std::uint64_t exported = 0;
        std::uint64_t lost = 0;  ///< The collector did not accept them.
    };

    /// Throws ConfigException for a malformed endpoint, and for a CA file that cannot be read. `tracer` must outlive this
    /// object.
    OtlpExporter(Settings settings, Tracer& tracer);
    /// Waits for the thread.
    ~OtlpExporter();
    OtlpExporter(const OtlpExporter&) = delete;
    OtlpExporter& operator=(const OtlpExporter&) = delete;

    void start();
    /// Sends what is queued, until the deadline. Returns false if the thread still waits for the collector then.
    bool stop(Clock::time_point until);

    [[nodiscard]] Counts counts() const { return {exported_, lost_}; }
    /// Returns why the collector accepts no spans; empty: it does.
    [[nodiscard]] std::string problem() const;

    /// Returns why an endpoint cannot be used; empty: it can.
    [[nodiscard]] static std::string endpointError(std::string_view endpoint);

private:
    /// The result of one attempt.
    struct Attempt {
        bool accepted = false;
        bool mayRepeat = false;
        std::chrono::milliseconds retryAfter{0};  ///< 0: the collector gave none.
        std::string problem{};  ///< With `accepted`: about spans that were refused.
    };
    class Session;

    void run();
    void send(const std::vector<Span>& spans);
    [[nodiscard]] Attempt post(const std::string& body) const;
    /// Sleeps before the next attempt; returns false if there is no time for one.
    [[nodiscard]] bool pauseFor(std::chrono::milliseconds time);
    void onAccepted(std::size_t count, const std::string& about);
    void onLost(std::size_t count);
    void onProblem(const std::string& problem);

    const Settings settings_;
    const Poco::URI endpoint_;
    const std::string shown_;  ///< The endpoint without credentials and query.
    const std::shared_ptr<Session> session_;
    Tracer& tracer_;
    const Log log_;

    mutable std::mutex mutex_;
    std::condition_variable changed_;
    bool stopping_ = false;  ///< Guarded by mutex_, as are the next four.
    bool ended_ = false;
    Clock::time_point until_ = Clock::time_point::max();
    std::string problem_;
    Clock::time_point since_;  ///< When the problem began.
    std::atomic<std::uint64_t> exported_{0};
    std::atomic<std::uint64_t> lost_{0};
    std::uint64_t lostBefore_ = 0;  ///< lost_ when the problem began. Used by the thread.
    std::thread thread_;
};

}  // namespace drover
