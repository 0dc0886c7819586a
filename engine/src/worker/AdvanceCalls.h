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
#include "queue/QueueContext.h"
#include "queue/ops/Advance.h"
#include "redis/RedisClient.h"
#include "worker/LostClaims.h"
#include "worker/SettledRun.h"
#include "worker/Settlement.h"

namespace drover {

/// Sends the calls of `advance` of one worker, and receives their replies in order.
///
/// Two may be under way, so that Redis has its next call while the worker goes through the last reply. The second one
/// waits for enough outcomes to be worth a call: a few at a time join the next call.
/// The outcomes come from the settlement, and go back there when it is open whether Redis has them. A claim without reply
/// goes to the lost claims.
/// Threads: the claim loop's only.
class AdvanceCalls {
public:
    using Time = Clock::Monotonic;

    /// Outcomes that are worth a second call while the first one is under way.
    static constexpr std::size_t kWorthACall = 64;

    /// The answer to one call.
    struct Answer {
        AdvanceResult result;
        std::vector<SettledRun> ended;     ///< The jobs that the call was to finish.
        int wanted = 0;                    ///< How many jobs the call was to claim.
        std::int64_t enoughBytes = 0;      ///< How many bytes of them were enough.
        std::chrono::nanoseconds took{0};  ///< From the call to its answer.

        /// Returns true if the call claimed as many jobs as it might: there may be more.
        [[nodiscard]] bool full() const {
            return wanted > 0 && static_cast<int>(result.claimed()) == wanted;
        }
    };

    /// All of them must outlive this object.
    AdvanceCalls(const QueueContext& queue,
                 RedisClient& redis,
                 Settlement& settlement,
                 LostClaims& lostClaims,
                 const Clock& clock);

    [[nodiscard]] bool underWay() const { return !calls_.empty(); }
    /// Returns true if another call may be sent now, if there is something to send.
    [[nodiscard]] bool maySend() const;
    /// Returns true if no call may be sent before an answer comes, whatever there is to send.
    [[nodiscard]] bool full() const;
    /// Returns how many more outcomes are worth another call; at least 1.
    [[nodiscard]] std::size_t missing() const;
    /// Returns how many outcomes the next call carries.
    [[nodiscard]] int outcomes() const;
    /// Returns by how many jobs the calls under way will change how many are held, if each claims all that it may.
    [[nodiscard]] int unanswered() const;
    struct Claims {
        int jobs = 0;            ///< How many jobs the calls under way may claim.
        std::int64_t bytes = 0;  ///< How many bytes of them are enough.
    };
    [[nodiscard]] Claims claims() const;

    /// Sends a call for `request`, with outcomes of the settlement. Throws RedisIoException: see receive().
    void send(AdvanceRequest request);
    /// Returns an answer if one has come, else nothing until fd() is readable. Only while a call is under way.
    /// Throws RedisIoException when the connection is gone or the oldest call has waited for too long, RedisBusyException when
    /// Redis refuses the call for now, ScriptException when it refuses it for good, after the answer of another call under
    /// way. The outcomes are back in the settlement then: a cause that refuses a whole call lies in the queue, not in one job.
    std::optional<Answer> receive();
    /// For poll(): readable when an answer comes; -1: there is no connection.
    [[nodiscard]] int fd() const { return redis_.fd(); }
    /// Returns when the oldest call under way has waited for too long, counted from the last progress of its reply.
    [[nodiscard]] Time deadline() const;

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

    /// Puts the call's outcomes back to the front of the settlement. `open`: Redis may have worked on it.
    void putBack(Call& call, bool open);
    /// Gives up the connection, and with it all calls under way: no reply will come to them.
    void loseAll();

    const QueueContext& queue_;
    RedisClient& redis_;
    Settlement& settlement_;
    LostClaims& lostClaims_;
    const Clock& clock_;
    std::deque<std::unique_ptr<Call>> calls_;  ///< In the order of their replies.
    bool refused_ = false;  ///< One call at a time, until a call that was sent alone is answered.
};

}  // namespace drover
