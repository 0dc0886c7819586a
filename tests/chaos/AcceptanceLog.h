#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace drover::test {

/// A request for a seat.
struct Ask {
    std::int64_t eventId = 0;
    std::int64_t userId = 0;
};

/// The answer to a request.
struct Answer {
    Ask ask;
    int status = 0;                ///< 0: no whole answer came.
    std::string jobId;             ///< That of a 201.
    std::int64_t timestampMs = 0;  ///< That of a 201.
    std::string text;              ///< The body of another answer, or why none came.
    std::int64_t sentMs = 0;       ///< When the request began, wall clock; filled by a log.
    std::int64_t answeredMs = 0;   ///< When its answer was there; filled by a log; 0: never.
    std::chrono::steady_clock::time_point at;

    [[nodiscard]] bool accepted() const { return status == 201; }
};

/// A job by its id and its timestamp: ids are issued again after a rewind.
using JobKey = std::pair<std::string, std::int64_t>;

/// A time in which a server may have lost accepted requests by itself: it was killed with writes in memory.
struct LossWindow {
    std::int64_t fromMs = 0;
    std::int64_t untilMs = 0;
    std::string why;
};

/// A load's own record: a file of lines, each written before the client goes on. The file survives its writer.
///
/// Lines, separated by tabs: `asked NUMBER MS EVENT USER` · `answered NUMBER MS STATUS ID TIMESTAMP TEXT` ·
/// `lost-by-server FROM-MS UNTIL-MS WHY` · `job-lost-by-server ID TIMESTAMP`.
/// Threads: any; a line is one write.
class AcceptanceLog {
public:
    /// Appends to the file, which may exist.
    explicit AcceptanceLog(std::string path);
    ~AcceptanceLog();
    AcceptanceLog(const AcceptanceLog&) = delete;
    AcceptanceLog& operator=(const AcceptanceLog&) = delete;

    /// Returns the request's number, for writeAnswer().
    std::uint64_t writeRequest(const Ask& ask);
    void writeAnswer(std::uint64_t number, const Answer& answer);
    void lostByServer(const LossWindow& window);
    /// A job that the server had before it was rewound, and had not afterwards.
    void lostByServer(const JobKey& job);

    /// The content of a log.
    struct Contents {
        std::vector<Answer>
            answers;  ///< One for every request, in the order of their numbers; status 0 without an answer.
        std::vector<LossWindow> windows;
        std::set<JobKey> lostJobs;
    };
    /// Throws std::runtime_error for a line that is none of these.
    [[nodiscard]] static Contents read(const std::string& path);
    [[nodiscard]] Contents read() const { return read(path_); }

private:
    void write(const std::string& line) const;

    const std::string path_;
    int file_ = -1;
    std::atomic<std::uint64_t> next_{1};
};

/// Milliseconds since 1970 by the wall clock, which is what jobs carry.
[[nodiscard]] std::int64_t wallMs();

}  // namespace drover::test
