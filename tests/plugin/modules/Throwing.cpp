// Handlers that end by every kind of exception.
#include <drover/Handler.h>
#include <exception>
#include <new>
#include <stdexcept>
#include <string>

namespace app {

class BadRequest : public std::invalid_argument {
public:
    using std::invalid_argument::invalid_argument;
};

/// Makes each call that answers, and decides by the answers.
drover::Outcome calls(drover::ActiveJob& job) {
    const drover::JobToAdd wanted[] = {{.name = "x", .queue = "q"}, {.name = "y", .data = "1"}};
    for (const drover::AddedJob& added : job.addJobs(wanted)) {
        job.addLog(added.id + added.message);
    }
    drover::ChildPages pages;
    pages.failed = drover::ChildPage{7, 5};
    const drover::ChildrenPage page = job.dependencies(pages);
    job.addLog(page.children.failed.at(0) + std::to_string(page.nextFailed));
    const drover::FailedChildren failed = job.failedChildren();
    job.addLog(failed.failed.at(0).first + failed.failed.at(0).second.value_or("?"));
    job.addLog(std::to_string(job.dependenciesCount().ignored));
    job.addLog(job.stored());
    job.addLog(std::string(job.token()) + std::to_string(job.addLog("row")));
    return drover::waitForChild("bull:x:1");
}

class Single : public drover::Handler {
public:
    drover::Outcome process(drover::ActiveJob& job) override {
        const std::string_view what = job.data();
        if (what == "\"std\"") {
            throw BadRequest("no such\nuser");
        }
        if (what == "\"nested\"") {
            try {
                try {
                    throw 42;
                } catch (...) {
                    std::throw_with_nested(std::out_of_range("row 7"));
                }
            } catch (...) {
                std::throw_with_nested(BadRequest("cannot read"));
            }
        }
        if (what == "\"int\"") {
            throw 42;
        }
        if (what == "\"memory\"") {
            throw std::bad_alloc();
        }
        if (what == "\"away\"") {
            throw drover::Unavailable("database restarting", std::chrono::milliseconds(1500));
        }
        if (what == "\"decided\"") {
            job.complete("1");
            throw std::runtime_error("after the outcome");
        }
        if (what == "\"not json\"") {
            return drover::completed("{");
        }
        if (what == "\"log\"") {
            job.addLog("a row");
        }
        if (what == "\"family\"") {
            job.addLog(job.addChildren("[]"));
            job.addLog(job.childrenValues());
            job.updateData("{\"a\":1}");
            job.updateProgress("50");
        }
        if (what == "\"calls\"") {
            return calls(job);
        }
        if (what == "\"unset\"") {
            return drover::rateLimited(std::chrono::milliseconds(250));
        }
        return drover::completed();
    }
};

/// Counts its runs in each job's log; a run with a job "bad" throws, one with "away" is Unavailable. A job "early"
/// gets its outcome before every other job.
class Batch : public drover::BatchHandler {
public:
    void process(std::span<drover::ActiveJob> jobs) override {
        for (drover::ActiveJob& job : jobs) {
            job.addLog(std::to_string(jobs.size()));
            if (job.data() == "\"early\"") {
                job.complete("\"early\"");
            }
        }
        for (const drover::ActiveJob& job : jobs) {
            if (job.data() == "\"bad\"") {
                throw std::runtime_error("a bad job in a batch of " + std::to_string(jobs.size()));
            }
            if (job.data() == "\"away\"") {
                throw drover::Unavailable("away");
            }
        }
        for (drover::ActiveJob& job : jobs) {
            if (job.data() != "\"forgotten\"") {
                job.complete();
            }
        }
    }

    std::optional<drover::Outcome> outcomeOf(const drover::ActiveJob& job) override {
        if (job.data() == "\"throw\"") {
            throw std::runtime_error("no idea");
        }
        return job.data() == "\"known\"" ? std::optional(drover::completed("\"kept\""))
                                         : std::nullopt;
    }

    std::optional<std::chrono::milliseconds> backoff(const drover::JobInfo& job,
                                                     int attemptsMade,
                                                     std::string_view type,
                                                     std::string_view reason) override {
        if (type == "throw") {
            throw 1;
        }
        if (reason == "hopeless") {
            return std::nullopt;
        }
        return std::chrono::milliseconds(attemptsMade * 100 + static_cast<int>(job.name().size()));
    }
};

}  // namespace app

DROVER_PLUGIN(drover::plugin("throwing", "2.1.0")
                  .handler<app::Single>("single", {.queue = "t"})
                  .handler<app::Batch>("batch",
                                       {.queue = "t", .jobNames = {"b1", "b2"}, .batchMax = 8})
                  .handler<app::Single>("rest", {.queue = "t", .anyJobName = true}))
