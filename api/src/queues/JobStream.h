#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "drover/Queue.h"
#include "drover/Routes.h"
#include "drover/Upload.h"
#include "queues/StreamThread.h"

namespace drover::api {

/// Adds the jobs of an open body, a job on each line, while the body arrives, and answers line by line.
///
/// One batch is under way at a time: some hundred lines, or fewer if no more have come. Its lines are answered when all of it
/// is decided, and the next one is parsed only when the answer has room, so a client that does not read is not read from. A
/// batch that does not reach Redis, or is beyond a bound of the queue, ends the request. docs/http.md has the answer's lines.
///
/// Threads: start() by any; then the StreamThread alone, with results from the queue's.
class JobStream : public std::enable_shared_from_this<JobStream> {
public:
    /// The lines of the answer.
    enum class Answers {
        All,     ///< One for each job.
        Refused  ///< One for each job that was not added, and one for each batch.
    };
    struct Settings {
        std::size_t maxLineBytes = 65536;
        Answers answers = Answers::All;
    };

    JobStream(Exchange exchange,
              std::shared_ptr<Queue> queue,
              std::shared_ptr<StreamThread::Inbox> thread,
              Settings settings)
        : exchange_(std::move(exchange)),
          queue_(std::move(queue)),
          thread_(std::move(thread)),
          settings_(settings) {}

    /// Answers 503 if too many bodies are under way, else begins.
    void start();

private:
    /// One line of the batch. Without an error its job is in jobs_, in order.
    struct Line {
        std::uint64_t number = 0;
        std::optional<HttpError> error;
    };

    void schedule();
    void step() noexcept;
    void advance();
    /// Returns true if the answer waits for its client, or has none any more.
    bool answerWaits();
    /// Fills the batch as far as lines have come. Returns false if there are none, and more bytes must come.
    bool gather();
    /// Parses the next line, if its end has come or nothing more comes.
    bool parseNextLine();
    void parseLine(std::string_view text);
    void add();
    void answerBatch();
    /// Ends behind the lines that are answered, for a reason that the last line of the answer names.
    void breakOff(HttpError reason, std::uint64_t nextLine);
    void answerEnd();

    Exchange exchange_;
    const std::shared_ptr<Queue> queue_;
    const std::shared_ptr<StreamThread::Inbox> thread_;
    const Settings settings_;
    std::shared_ptr<void> place_;
    std::shared_ptr<Upload> upload_;

    std::string text_;         ///< The bytes that were read.
    std::size_t parsed_ = 0;   ///< Bytes of text_.
    std::size_t scanned_ = 0;  ///< No line ends between parsed_ and here.
    bool skipping_ = false;    ///< The line under way is too long, and answered.
    bool noMore_ = false;      ///< The body has ended, or is broken.
    std::uint64_t lines_ = 0;  ///< Lines that were parsed.
    std::vector<Line> batch_;  ///< Without blank lines.
    std::size_t batchBytes_ = 0;
    std::vector<NewJob> jobs_;
    std::optional<std::vector<AddResult>> results_;  ///< Those of the batch, once it is decided.
    std::string answer_;                             ///< Not sent yet.
    std::uint64_t added_ = 0;
    std::uint64_t refused_ = 0;
    std::optional<HttpError> broken_;
    std::uint64_t nextLine_ = 0;  ///< With broken_: the first undecided line.
    bool ended_ = false;          ///< The last line of the answer is written.
};

}  // namespace drover::api
