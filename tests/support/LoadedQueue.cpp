#include "support/LoadedQueue.h"

#include <algorithm>
#include <iostream>
#include <stdexcept>
#include <vector>

#include <cppunit/TestAssert.h>

#include "drover/Exceptions.h"
#include "support/Patience.h"

namespace drover::test {

namespace {

constexpr std::size_t kJobsPerCall = 5;
constexpr std::chrono::milliseconds kBetweenCalls{5};

Queue::Settings producer(const std::string& prefix, const std::string& name) {
    Queue::Settings settings;
    settings.prefix = prefix;
    settings.name = name;
    settings.addTimeout = std::chrono::seconds(30);
    return settings;
}

QueueSettings consumer(const std::string& prefix, const std::string& name) {
    QueueSettings settings;
    settings.prefix = prefix;
    settings.name = name;
    settings.concurrency = 20;
    settings.lockDuration = std::chrono::seconds(5);
    settings.drainDelay = std::chrono::milliseconds(500);
    return settings;
}

}  // namespace

LoadedQueue::LoadedQueue(const Redis::Settings& server,
                         const std::string& prefix,
                         const std::string& name)
    : redis_(serverOf(Redis(server), prefix + ":" + name)), options_(redis_.shared().options()) {
    auto handler = std::make_shared<FakeHandler>([this](std::span<RunningJob* const> jobs) {
        {
            const std::lock_guard lock(mutex_);
            begins_.push_back(std::chrono::steady_clock::now());
            for (RunningJob* job : jobs) {
                ++runs_[job->job().data];
            }
        }
        for (RunningJob* job : jobs) {
            job->setOutcome({JobOutcome::Kind::Completed, "1", "", 0});
        }
    });
    const QueueSettings settings = consumer(prefix, name);
    queue_ = std::make_unique<WholeQueue>(redis_, producer(prefix, name));
    worker_ = std::make_unique<Worker>(
        settings, options_, clock_, std::vector<std::shared_ptr<HandlerType>>{handler});
    keeper_ =
        std::make_unique<LockKeeper>(std::make_unique<RedisClient>(options_, "locks"), clock_);
    sweeper_ = std::make_unique<StalledSweeper>(std::make_unique<RedisClient>(options_, "stalled"),
                                                clock_);
    keeper_->watch(
        worker_->queue(), worker_->held(), settings.lockDuration, settings.lockRenewal());
    sweeper_->watch(worker_->queue(), std::chrono::seconds(1), 10);
    keeper_->start();
    sweeper_->start();
    worker_->start();
}

LoadedQueue::~LoadedQueue() {
    stopAdding();
    keeper_->stop();
    sweeper_->stop();
    worker_->stop();
}

void LoadedQueue::startAdding() {
    adding_ = true;
    thread_ = std::thread([this] {
        while (adding_) {
            add();
            std::this_thread::sleep_for(kBetweenCalls);
        }
    });
}

void LoadedQueue::stopAdding() {
    adding_ = false;
    if (thread_.joinable()) {
        thread_.join();
    }
}

void LoadedQueue::add() {
    std::vector<NewJob> jobs(kJobsPerCall);
    for (NewJob& job : jobs) {
        job.name = "work";
        job.data = std::to_string(++made_);
    }
    const std::size_t first = made_ - jobs.size() + 1;
    const std::vector<AddResult> results =
        queue_->addBulk(std::move(jobs), Queue::Clock::now() + std::chrono::seconds(30));
    const std::lock_guard lock(mutex_);
    for (std::size_t i = 0; i < results.size(); ++i) {
        const AddResult& result = results[i];
        if (result.status == AddResult::Status::Added) {
            added_.emplace(std::to_string(first + i), result.id);
        } else if (result.status == AddResult::Status::Unknown) {
            ++unknown_;
        }
    }
}

std::size_t LoadedQueue::added() const {
    const std::lock_guard lock(mutex_);
    return added_.size();
}

std::size_t LoadedQueue::ended() const {
    return worker_->stats().completed;
}

LoadedQueue::Pause LoadedQueue::longestPause(Time since, Time lastBegin) const {
    const std::lock_guard lock(mutex_);
    Pause longest{since, since};
    Time before = since;
    const auto consider = [&](Time at) {
        if (before <= lastBegin && at - before > longest.until - longest.from) {
            longest = {before, at};
        }
        before = at;
    };
    std::for_each(std::lower_bound(begins_.begin(), begins_.end(), since), begins_.end(), consider);
    consider(std::chrono::steady_clock::now());
    return longest;
}

void LoadedQueue::until(const std::string& what, const std::function<bool()>& condition) const {
    const auto deadline = std::chrono::steady_clock::now() + kPatience;
    while (true) {
        try {
            if (condition()) {
                return;
            }
        } catch (const RedisIoException&) {
            // Redis changes at the moment.
        }
        if (std::chrono::steady_clock::now() > deadline) {
            throw std::runtime_error("not within the deadline: " + what);
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
}

void LoadedQueue::untilAdded(std::size_t count) const {
    until(std::to_string(count) + " jobs are added", [&] { return added() >= count; });
}

void LoadedQueue::untilEnded(std::size_t count) const {
    until(std::to_string(count) + " jobs have ended", [&] { return ended() >= count; });
}

void LoadedQueue::untilAllEnded() const {
    until("no job is left", [this] {
        const JobCounts counts = queue_->counts();
        return counts.waiting + counts.active + counts.delayed + counts.prioritized == 0 &&
               worker_->stats().held == 0;
    });
}

LoadedQueue::Account LoadedQueue::account() const {
    Account account;
    const std::lock_guard lock(mutex_);
    for (const auto& [data, id] : added_) {
        const auto found = runs_.find(data);
        const int runs = found == runs_.end() ? 0 : found->second;
        std::optional<Job> job = queue_->job(id);
        if (job && job->data != data) {
            job.reset();  // A new master that never got the job has given its id to another one.
        }
        account.lost += !job && runs == 0 ? 1 : 0;
        account.repeated += runs > 1 ? 1 : 0;
        if (job && (!job->finishedOnMs || job->failedReason || job->attemptsMade != 1)) {
            account.problems += " job " + id + " is " + toString(queue_->state(id)) + " after " +
                                std::to_string(job->attemptsMade) + " attempts;";
        }
    }
    return account;
}

void LoadedQueue::forget() {
    const std::lock_guard lock(mutex_);
    added_.clear();
    runs_.clear();
    begins_.clear();
    unknown_ = 0;
}

void LoadedQueue::assertEachEndedOnce() const {
    const Account found = account();
    std::cout << added() << " added, " << unknown() << " unknown, " << found.repeated
              << " repeated, " << found.lost << " lost by an asynchronous replica" << std::endl;
    CPPUNIT_ASSERT_EQUAL(std::string(), found.problems);
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{0}, worker_->stats().failed);
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{0}, worker_->stats().retried);
}

}  // namespace drover::test
