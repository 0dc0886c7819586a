#pragma once

#include <atomic>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "drover/Job.h"
#include "drover/Queue.h"
#include "drover/Routes.h"

namespace drover::api {

/// Adds the jobs of one request in order, some hundred at a time, and answers it.
///
/// A job that is refused does not stop its neighbours. A chunk that does not reach Redis ends the request: its later jobs
/// are not tried. Threads: one after the other; shared by the callbacks of the queue.
class JobAdding : public std::enable_shared_from_this<JobAdding> {
public:
    /// With `once` a request that comes again adds nothing and gets the first answer.
    JobAdding(Exchange exchange, std::shared_ptr<Queue> queue, std::optional<AddOnce> once)
        : exchange_(std::move(exchange)), queue_(std::move(queue)), once_(std::move(once)) {}

    /// Parses the body, adds, and answers when all is done: before it returns, or later on a thread of the queue.
    void start();

private:
    /// The form of the body, and of the answer.
    enum class Form { One, Array, Lines };
    enum class Phase { Sending, Sent, Answered };

    /// One job, and what became of it. Without an answer it waits for its add.
    struct Item {
        NewJob job;
        AddResult result{};
        std::optional<Response> refusal{};
    };

    /// Throws HttpError 400 for a body that has no jobs, and what parseJob() throws for a single one.
    void parse();
    void parseLines(std::string_view body);
    /// Parses one job of several: a mistake becomes its refusal.
    void parseItem(std::string_view text);
    void addChunks();
    /// Returns the next jobs to add; none: all have been tried.
    [[nodiscard]] std::vector<NewJob> nextChunk();
    void addChunk(std::vector<NewJob> jobs, std::function<void(std::vector<AddResult>)> done);
    void onResults(std::vector<AddResult> results);
    void answer();
    [[nodiscard]] Job jobOf(Item& item) const;

    Exchange exchange_;
    const std::shared_ptr<Queue> queue_;
    const std::optional<AddOnce> once_;
    Form form_ = Form::One;
    std::vector<Item> items_;
    std::vector<std::size_t> chunk_;  ///< The jobs under way, as places in items_.
    std::size_t next_ = 0;
    std::size_t chunks_ = 0;  ///< Those that were sent.
    bool keyTaken_ = false;
    bool repeated_ = false;  ///< At least one chunk was added before.
    std::atomic<Phase> phase_{Phase::Sending};
};

}  // namespace drover::api
