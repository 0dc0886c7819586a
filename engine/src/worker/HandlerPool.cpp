#include "worker/HandlerPool.h"

#include <algorithm>

#include "core/Guarded.h"
#include "drover/Exceptions.h"
#include "drover/Failpoint.h"

namespace drover {

namespace {

/// Decrements the count of busy threads however the handler's code is left; nextBatch() has incremented it.
struct AtWork {
    std::atomic<int>& count;
    ~AtWork() { --count; }
};

/// Begins the spans of a batch that are recorded.
void beginSpans(const std::vector<std::shared_ptr<JobRun>>& batch) {
    std::int64_t nowNs = 0;
    for (const auto& run : batch) {
        RunTrace* const trace = run->trace();
        if (trace != nullptr && trace->start.context.sampled) {
            nowNs = nowNs == 0 ? Tracer::nowNs() : nowNs;
            trace->start.beganNs = nowNs;
            trace->batchSize = batch.size();
        }
    }
}

void onHandled(const std::vector<std::shared_ptr<JobRun>>& batch) {
    std::int64_t nowNs = 0;
    for (const auto& run : batch) {
        RunTrace* const trace = run->trace();
        if (trace != nullptr && trace->start.context.sampled) {
            nowNs = nowNs == 0 ? Tracer::nowNs() : nowNs;
            trace->handledNs = nowNs;
        }
    }
}

}  // namespace

HandlerPool::HandlerPool(std::shared_ptr<HandlerType> type,
                         const HandlerLimits& limits,
                         OutcomeInbox& inbox)
    : type_(std::move(type)),
      threadCount_(std::max(limits.threads, 1)),
      batchSize_(
          std::clamp(limits.batchSize, 1, static_cast<int>(std::max(type_->batchMax(), 1U)))),
      timeout_(limits.timeout),
      inbox_(inbox) {}

HandlerPool::~HandlerPool() {
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
        waiting_.clear();
    }
    changed_.notify_all();
    for (std::thread& thread : threads_) {
        thread.join();
    }
}

void HandlerPool::start() {
    if (!threads_.empty()) {
        return;
    }
    for (int i = 0; i < threadCount_; ++i) {
        threads_.emplace_back([this] {
            run();
            ++ended_;
            inbox_.wake();
        });
    }
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return ready_ == threadCount_; });
    if (refused_) {
        std::rethrow_exception(refused_);
    }
}

void HandlerPool::retire() {
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    changed_.notify_all();
}

void HandlerPool::submit(std::vector<std::shared_ptr<JobRun>> runs) {
    {
        const std::lock_guard lock(mutex_);
        waiting_.insert(waiting_.end(),
                        std::make_move_iterator(runs.begin()),
                        std::make_move_iterator(runs.end()));
    }
    if (threadCount_ == 1 || runs.size() == 1) {
        changed_.notify_one();
    } else {
        changed_.notify_all();
    }
}

std::vector<std::shared_ptr<JobRun>> HandlerPool::popUnstarted() {
    const std::lock_guard lock(mutex_);
    std::vector<std::shared_ptr<JobRun>> popped(std::make_move_iterator(waiting_.begin()),
                                                std::make_move_iterator(waiting_.end()));
    waiting_.clear();
    return popped;
}

HandlerPool::Time HandlerPool::oldestUnstarted() const {
    const std::lock_guard lock(mutex_);
    return waiting_.empty() ? Time::max() : waiting_.front()->claimedAt();
}

HandlerPool::Load HandlerPool::load() const {
    const std::lock_guard lock(mutex_);
    return {(threadCount_ - atWork_) * batchSize_, static_cast<int>(waiting_.size())};
}

void HandlerPool::run() {
    std::unique_ptr<HandlerInstance> instance;
    try {
        // On this thread: a handler may have thread-affine state such as a database session.
        instance = type_->create();
    } catch (...) {
        const std::lock_guard lock(mutex_);
        refused_ = std::current_exception();
    }
    {
        const std::lock_guard lock(mutex_);
        ++ready_;
    }
    changed_.notify_all();
    if (!instance) {
        return;
    }
    while (true) {
        FinishedBatch batch;
        const bool normal = runGuarded("handler", [&] {
            while (true) {
                batch = {nextBatch()};
                if (batch.runs.empty()) {
                    return;
                }
                {
                    const AtWork atWork{atWork_};
                    const auto began = std::chrono::steady_clock::now();
                    beginSpans(batch.runs);
                    process(*instance, batch.runs);
                    onHandled(batch.runs);
                    batch.took = std::chrono::steady_clock::now() - began;
                    batch.most = batchSize_;
                }
                inbox_.push(std::move(batch));
            }
        });
        if (normal) {
            return;
        }
        inbox_.push(std::move(batch));
    }
}

std::vector<std::shared_ptr<JobRun>> HandlerPool::nextBatch() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return stopping_ || !waiting_.empty(); });
    std::vector<std::shared_ptr<JobRun>> batch;
    while (!waiting_.empty() && static_cast<int>(batch.size()) < batchSize_) {
        const bool alone =
            waiting_.front()->runsAlone() || waiting_.front()->job().deferredFailure.has_value();
        if (alone && !batch.empty()) {
            break;
        }
        waiting_.front()->markRunning();
        batch.push_back(std::move(waiting_.front()));
        waiting_.pop_front();
        if (alone) {
            break;
        }
    }
    atWork_ += batch.empty() ? 0 : 1;
    return batch;
}

void HandlerPool::process(HandlerInstance& instance,
                          const std::vector<std::shared_ptr<JobRun>>& batch) const {
    failpoint("handler-not-begun");
    JobRun& first = *batch.front();
    if (first.job().deferredFailure) {
        // The job is to fail unrun. Its effect may exist already, which only the handler can find out.
        instance.outcomeOf(first);
        first.setOutcome({JobOutcome::Kind::Unrecoverable, *first.job().deferredFailure, "", 0});
        return;
    }
    std::vector<RunningJob*> jobs;
    jobs.reserve(batch.size());
    for (const auto& run : batch) {
        jobs.push_back(run.get());
        if (timeout_.count() > 0) {
            run->limitTo(std::chrono::steady_clock::now() + timeout_);
        }
    }
    instance.process(jobs);
    for (const auto& run : batch) {
        if (run->outcome().kind == JobOutcome::Kind::Failed) {
            const auto& backoff = run->options().backoff;
            if (backoff && !backoff->isBuiltIn()) {
                run->setCustomBackoff(instance.backoff(
                    run->job(), run->job().attemptsMade + 1, backoff->type, run->outcome().text));
            }
        }
    }
}

}  // namespace drover
