#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "chaos/AcceptanceLog.h"
#include "chaos/Ledger.h"
#include "chaos/QueueState.h"

namespace drover::test {

/// The kinds of mistakes that the checker finds.
enum class Mistake {
    Lost,  ///< Accepted; no outcome, no job that is still to be done, and no server lost it.
    AnsweredTwice,      ///< Two requests were given one job.
    OtherRequest,       ///< The outcome of a job names another event or user than its request.
    UnaskedOutcome,     ///< An outcome that belongs to no request.
    OutcomeWithoutRow,  ///< RESERVED, without a reservation.
    RowWithoutOutcome,  ///< A reservation that no outcome names.
    RowOfTwoOutcomes,   ///< A reservation that several outcomes name.
    RowDiffers,         ///< A reservation for another event or user than its outcome has.
    WrongStatus,        ///< A reservation is not RESERVED; no run cancels any.
    UserTwice,          ///< A user has two seats of one event.
    Oversold,           ///< An event has more reservations than tickets.
    WrongCounter,       ///< An event's counter is not the number of its reservations.
    RejectedWithoutCause,  ///< "sold out" with seats left, "already reserved" without a reservation …
    LeftToDo,              ///< A job that is waiting, delayed, or active under a lock.
    ActiveWithoutLock,  ///< An active job that no worker holds.
    InNoList,           ///< A job's hash that no list has.
    InTwoLists,         ///< A job in two lists.
    GhostId,            ///< An id in a list whose hash is gone.
    OrphanedLock,       ///< A lock of a job that is not active.
    WrongJob,           ///< A job in Redis has other data than its request.
    Leftover            ///< A key that belongs to nothing.
};

[[nodiscard]] std::string nameOf(Mistake mistake);

struct Finding {
    Mistake mistake;
    std::string text;  ///< One sentence with the job, row or key.
};

/// The end of a load's requests.
struct Verdict {
    std::int64_t accepted = 0;
    std::int64_t refused = 0;  ///< Answered, but not by 201.
    std::int64_t unanswered = 0;
    std::int64_t lostByServer =
        0;  ///< Accepted in a time that a server itself lost: counted, not found.
    std::int64_t repeated =
        0;  ///< Outcomes of requests that the wire carried twice, where that is allowed.
    std::vector<Finding> findings;

    /// Findings of an effect that happened twice or beyond a limit.
    [[nodiscard]] std::int64_t doubled() const;
    [[nodiscard]] std::int64_t lost() const;
    /// One line for each finding, at most `most` of them.
    [[nodiscard]] std::string text(std::size_t most = 20) const;
};

/// The jobs that are waiting, delayed, active or waiting for children.
[[nodiscard]] std::set<JobKey> unfinishedJobs(QueueState& queue);
/// The jobs that any list has, finished ones included.
[[nodiscard]] std::set<JobKey> allJobs(QueueState& queue);
/// The requests that the ledger, or another table with its key, has an outcome of.
[[nodiscard]] std::set<JobKey> decidedJobs(Ledger& ledger,
                                           const std::string& table = "reservation_outcomes");

/// Returns the jobs that a server lost by itself: it had them before, and has not afterwards. `elsewhere`: the jobs
/// that another server still had to do at that time, which are to be done again and are not lost.
[[nodiscard]] std::set<JobKey> lostJobs(const std::set<JobKey>& before,
                                        const std::set<JobKey>& after,
                                        const std::set<JobKey>& elsewhere = {});

/// Compares the promises to a load with Redis and the database. Changes nothing. Call it when the queue is idle: a
/// job under way counts as left to do.
/// Threads: one.
class Checker {
public:
    /// `wireRepeats`: a middlebox between the processes and Redis may have sent a request twice.
    Checker(Ledger& ledger, QueueState& queue, bool wireRepeats = false)
        : ledger_(ledger), queue_(queue), wireRepeats_(wireRepeats) {}

    [[nodiscard]] Verdict check(const AcceptanceLog::Contents& log);

    struct Jobs;

private:
    void checkRequests(const AcceptanceLog::Contents& log, const Jobs& jobs, Verdict& verdict);
    void checkRows(Verdict& verdict);
    void checkQueue(const Jobs& jobs, Verdict& verdict);

    Ledger& ledger_;
    QueueState& queue_;
    const bool wireRepeats_;
};

}  // namespace drover::test
