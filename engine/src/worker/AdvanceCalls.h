#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/Clock.h"
#include "queue/QueueBackend.h"
#include "worker/Settlement.h"

namespace drover {

/// The calls of `advance` of one worker: what they carry, in which order, and what is left of those without a reply.
///
/// Two may be under way, so that Redis has its next call while the reply to the last one is worked through. The second one
/// waits for enough outcomes to be worth a call: what comes a few at a time joins the next call as ever.
/// The outcomes come from the settlement, and go back there when it is open whether Redis has them.
/// Threads: the claim loop's only.
class AdvanceCalls {
public:
    using Time = Clock::Monotonic;

    /// Outcomes per call: a script holds up every other client of the server.
    static constexpr int kMostPerCall = 256;
    /// Bytes of outcomes that are enough for a call; each has one at least.
    static constexpr std::size_t kEnoughBytes = 8 << 20;
    /// Outcomes that are worth a second call while the first one is under way.
    static constexpr std::size_t kWorthACall = 64;

    /// What a call was answered.
    struct Answer {
        struct Ended {
            std::shared_ptr<JobRun> run;
            bool completed;
            bool sentBefore;
        };
        AdvanceResult result;
        std::vector<Ended> ended;          ///< One per code of the result.
        int asked = 0;                     ///< How many jobs it was to claim.
        std::int64_t enoughBytes = 0;      ///< How many bytes of them were enough.
        std::chrono::nanoseconds took{0};  ///< From the call to its answer.

        /// As many jobs as were asked for: there may be more.
        [[nodiscard]] bool full() const {
            return asked > 0 && static_cast<int>(result.claimed()) == asked;
        }
    };

    /// All of them must outlive it.
    AdvanceCalls(const QueueBackend& backend,
                 RedisClient& redis,
                 Settlement& settlement,
                 const Clock& clock);

    [[nodiscard]] bool underWay() const { return !calls_.empty(); }
    /// Whether another call may be sent now, if there is something to send.
    [[nodiscard]] bool maySend() const;
    /// Whether none may be sent before an answer comes, whatever there is to send.
    [[nodiscard]] bool full() const;
    /// How many more outcomes are worth another call; at least 1.
    [[nodiscard]] std::size_t missing() const;
    /// How many outcomes the next call takes along.
    [[nodiscard]] int outcomes() const;
    /// By how many jobs the calls under way will change what is held, if all find what they ask for.
    [[nodiscard]] int unanswered() const;
    /// How many jobs the calls under way claim, and how many bytes of them are enough.
    struct Claims {
        int jobs = 0;
        std::int64_t bytes = 0;
    };
    [[nodiscard]] Claims claims() const;

    /// Sends a call for `request`, which has no outcomes yet. Throws RedisIoException: see receive().
    void send(AdvanceRequest request);
    /// An answer if one has come, else nothing until fd() is readable. Only while a call is under way.
    /// Throws RedisIoException when the connection is gone or the oldest call has waited for too long, RedisBusyException when
    /// Redis refuses the call for now, ScriptException when it refuses it for good, after the answer of another call under
    /// way. The outcomes are back in the settlement then: what refuses a whole call is of the queue, not of one job.
    std::optional<Answer> receive();
    /// For poll(): readable when an answer comes. -1: there is no connection.
    [[nodiscard]] int fd() const { return redis_.fd(); }
    /// When the oldest call under way has waited for too long, counted from the last progress of its reply.
    [[nodiscard]] Time deadline() const;

    /// Claims without reply: they may have taken jobs. The caller removes what it has looked after.
    struct OpenClaim {
        std::string token;
        int asked;
    };
    [[nodiscard]] std::vector<OpenClaim>& unansweredClaims() { return unansweredClaims_; }

private:
    struct Sent {
        std::shared_ptr<JobRun> run;
        bool before;
    };
    struct Call {
        AdvanceRequest request;
        std::vector<Sent> sent;  ///< One per outcome of the request.
        bool alone = false;      ///< Sent after a refusal.
        std::int64_t nowMs = 0;
        Time sentAt;
        Time deadline;
        Command command;  ///< Refers to the request.
    };

    /// Back to the front of the settlement. `open`: Redis may have worked on it.
    void takeBack(Call& call, bool open);
    /// No reply will come to any of them, nor to what is sent on their connection.
    void loseAll();
    const QueueBackend& backend_;
    RedisClient& redis_;
    Settlement& settlement_;
    const Clock& clock_;
    std::deque<std::unique_ptr<Call>> calls_;  ///< In the order of their replies.
    bool refused_ = false;  ///< One call at a time, until one that was sent so is answered.
    std::vector<OpenClaim> unansweredClaims_;
};

}  // namespace drover
