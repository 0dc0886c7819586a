#include "drover/JobResults.h"

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <future>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <thread>
#include <unordered_map>
#include <utility>
#include <vector>

#include <Poco/Exception.h>

#include "core/Guarded.h"
#include "core/Log.h"
#include "drover/Exceptions.h"
#include "drover/QueueEvents.h"
#include "queue/QueueOnServer.h"
#include "queue/ops/Ends.h"
#include "queue/ops/Read.h"

namespace drover {

namespace {

using Clock = JobResults::Clock;
using Status = JobEnd::Status;

/// Bounds the ids of one script call.
constexpr std::size_t kIdsPerCall = 256;
/// How long Redis is left alone after an error.
constexpr std::chrono::milliseconds kPause{200};

}  // namespace

class JobResults::Impl : private QueueOnServer {
public:
    Impl(const Redis& redis, const Settings& settings)
        : QueueOnServer(redis, settings.prefix, settings.name),
          log_("events", {.queue = settings.name}) {
        QueueEvents::Settings events;
        events.prefix = settings.prefix;
        events.name = settings.name;
        events.blockTimeout = settings.blockTimeout;
        events.onGap = [this] { onGap(); };
        events_.emplace(redis, events, [this](const QueueEvent& event) { onEvent(event); });
        thread_ = std::thread([this] {
            while (!runGuarded("job-results", [this] { loop(); })) {
            }
        });
    }
    ~Impl() {
        events_->stop();
        {
            const std::lock_guard lock(mutex_);
            stopping_ = waitsEnd_ = true;
        }
        changed_.notify_one();
        thread_.join();
    }

    std::uint64_t whenFinished(const std::string& id,
                               Clock::time_point deadline,
                               Callback done,
                               Clock::time_point lookedBy) {
        if (id.empty()) {
            throw Poco::InvalidArgumentException("the id of the job to wait for is empty");
        }
        std::uint64_t number = 0;
        {
            const std::lock_guard lock(mutex_);
            number = ++lastNumber_;
            const auto waiter =
                waiters_.emplace(id, Waiter{std::move(done), number, deadline, false, {}});
            waiter->second.due = dues_.emplace(std::max(deadline, lookedBy), waiter);
            unseen_.insert(id);
        }
        changed_.notify_one();
        return number;
    }

    void endWait(const std::string& id, std::uint64_t number) {
        {
            const std::lock_guard lock(mutex_);
            const auto [begin, behind] = waiters_.equal_range(id);
            const auto waiter = std::find_if(
                begin, behind, [number](const auto& one) { return one.second.number == number; });
            if (waiter == behind) {
                return;
            }
            setDue(waiter, Clock::time_point::min());
        }
        changed_.notify_one();
    }

    void endAllWaits() {
        {
            const std::lock_guard lock(mutex_);
            waitsEnd_ = true;
        }
        changed_.notify_one();
    }

    [[nodiscard]] bool isOwnThread() const {
        return thread_.get_id() == std::this_thread::get_id();
    }

private:
    struct Waiter;
    using Waiters = std::multimap<std::string, Waiter>;
    using Dues = std::multimap<Clock::time_point, Waiters::iterator>;
    struct Waiter {
        Callback done;
        std::uint64_t number;
        Clock::time_point deadline;
        bool looked;         ///< It is known whether the job had ended when the wait began.
        Dues::iterator due;  ///< When the wait ends without an end of the job.
    };

    void onEvent(const QueueEvent& event) {
        const std::lock_guard lock(mutex_);
        const std::string id(event.jobId());
        switch (event.type) {
            case QueueEvent::Type::Completed:
                answer(id, {Status::Completed, std::string(event.returnValue())});
                break;
            case QueueEvent::Type::Failed:
                answer(id, {Status::Failed, std::string(event.failedReason())});
                break;
            case QueueEvent::Type::Removed:
                if (waiters_.count(id) != 0) {
                    unseen_.insert(id);
                }
                break;
            default:
                return;
        }
        changed_.notify_one();
    }

    void onGap() {
        const std::lock_guard lock(mutex_);
        for (const auto& [id, waiter] : waiters_) {
            unseen_.insert(id);
        }
        changed_.notify_one();
    }

    /// Moves the waits for a job to those that are called back. With the lock.
    void answer(const std::string& id, const JobEnd& end) {
        const auto [begin, behind] = waiters_.equal_range(id);
        for (auto waiter = begin; waiter != behind; ++waiter) {
            dues_.erase(waiter->second.due);
            answered_.emplace_back(std::move(waiter->second.done), end);
        }
        waiters_.erase(begin, behind);
        unseen_.erase(id);
    }

    void loop() {
        std::unique_lock lock(mutex_);
        while (true) {
            expire();
            if (!answered_.empty()) {
                callBack(lock);
                continue;
            }
            if (stopping_) {
                return;
            }
            if (!unseen_.empty() && Clock::now() >= nextLook_) {
                lock.unlock();
                look();
                lock.lock();
                continue;
            }
            waitForChange(lock);
        }
    }

    /// Answers the waits whose deadline has passed, or all.
    void expire() {
        const auto now = Clock::now();
        while (!dues_.empty() && (waitsEnd_ || dues_.begin()->first <= now)) {
            const Waiters::iterator waiter = dues_.begin()->second;
            answered_.emplace_back(
                std::move(waiter->second.done),
                JobEnd{Status::TimedOut, waiter->second.looked ? "" : "Redis has not answered"});
            dues_.erase(dues_.begin());
            if (waiters_.count(waiter->first) == 1) {
                unseen_.erase(waiter->first);
            }
            waiters_.erase(waiter);
        }
    }

    void callBack(std::unique_lock<std::mutex>& lock) {
        std::vector<std::pair<Callback, JobEnd>> calls;
        calls.swap(answered_);
        lock.unlock();
        for (const auto& [done, end] : calls) {
            try {
                done(end);
            } catch (const std::exception& error) {
                log_.error(std::string("a callback for the end of a job threw: ") + error.what());
            }
        }
        calls.clear();  // A callback may own something whose end locks.
        lock.lock();
    }

    void waitForChange(std::unique_lock<std::mutex>& lock) {
        std::optional<Clock::time_point> until;
        if (!dues_.empty()) {
            until = dues_.begin()->first;
        }
        if (!unseen_.empty()) {
            until = std::min(until.value_or(nextLook_), nextLook_);
        }
        if (until) {
            changed_.wait_until(lock, *until);
        } else {
            changed_.wait(lock);
        }
    }

    /// Looks whether jobs have ended. The reader must have its place in the stream by then: later ends come as events.
    void look() {
        if (!events_->waitUntilReady(std::chrono::milliseconds(0))) {
            // The reader has not reached Redis yet.
            nextLook_ = Clock::now() + kFirstPause;
            return;
        }
        std::vector<std::string> ids;
        {
            const std::lock_guard lock(mutex_);
            while (!unseen_.empty() && ids.size() < kIdsPerCall) {
                ids.push_back(std::move(unseen_.extract(unseen_.begin()).value()));
            }
        }
        try {
            lookFor(ids);
        } catch (const Exception& error) {
            // Away or refusing, which the connection has logged; or a key of another type.
            if (dynamic_cast<const RedisIoException*>(&error) == nullptr) {
                log_.error(error.message() + "; the ends of jobs are looked for again");
            }
            const std::lock_guard lock(mutex_);
            for (const std::string& id : ids) {
                if (waiters_.count(id) != 0) {
                    unseen_.insert(id);
                }
            }
            nextLook_ = Clock::now() + kPause;
        }
    }

    void lookFor(const std::vector<std::string>& ids) {
        const std::vector<std::optional<JobEnd>> ends =
            ops::ends(queue_, *redis_.shared().lease(), ids);
        std::set<std::string> gone;
        for (std::size_t i = 0; i < ids.size(); ++i) {
            if (ends[i] && ends[i]->status == Status::NoSuchJob) {
                gone.insert(ids[i]);
            }
        }
        std::map<std::string, JobEnd> past;
        if (!gone.empty()) {
            past = ops::endsInStream(queue_, *redis_.shared().lease(), gone);
        }
        const std::lock_guard lock(mutex_);
        for (std::size_t i = 0; i < ids.size(); ++i) {
            const auto found = past.find(ids[i]);
            if (found != past.end()) {
                answer(ids[i], found->second);
            } else if (ends[i]) {
                answer(ids[i], *ends[i]);
            } else if (unseen_.count(ids[i]) == 0) {
                onLooked(ids[i]);
            }
        }
    }

    /// Lets the waits for a job that has not ended go on until their deadlines. With the lock.
    void onLooked(const std::string& id) {
        const auto [begin, behind] = waiters_.equal_range(id);
        for (auto waiter = begin; waiter != behind; ++waiter) {
            waiter->second.looked = true;
            if (waiter->second.due->first > waiter->second.deadline) {
                setDue(waiter, waiter->second.deadline);
            }
        }
    }

    /// With the lock.
    void setDue(Waiters::iterator waiter, Clock::time_point due) {
        dues_.erase(waiter->second.due);
        waiter->second.due = dues_.emplace(due, waiter);
    }

    static constexpr std::chrono::milliseconds kFirstPause{10};

    const Log log_;
    std::mutex mutex_;
    std::condition_variable changed_;
    Waiters waiters_;
    Dues dues_;
    std::uint64_t lastNumber_ = 0;
    std::set<std::string> unseen_;  ///< Ids of waits that are still to be looked for.
    std::vector<std::pair<Callback, JobEnd>> answered_;
    bool waitsEnd_ = false;
    bool stopping_ = false;
    Clock::time_point nextLook_{};  ///< The thread's.
    std::optional<QueueEvents> events_;
    std::thread thread_;
};

JobResults::JobResults(const Redis& redis, const Settings& settings)
    : impl_(std::make_unique<Impl>(redis, settings)) {}
JobResults::~JobResults() = default;

JobEnd JobResults::waitUntilFinished(const std::string& id, Clock::time_point deadline) {
    if (impl_->isOwnThread()) {
        throw Poco::IllegalStateException(
            "waitUntilFinished() in a callback of JobResults would wait for itself");
    }
    auto promise = std::make_shared<std::promise<JobEnd>>();
    std::future<JobEnd> end = promise->get_future();
    (void)whenFinished(id, deadline, [promise](const JobEnd& found) { promise->set_value(found); });
    return end.get();
}

std::uint64_t JobResults::whenFinished(const std::string& id,
                                       Clock::time_point deadline,
                                       Callback done,
                                       Clock::time_point lookedBy) {
    return impl_->whenFinished(id, deadline, std::move(done), lookedBy);
}

void JobResults::endAllWaits() {
    impl_->endAllWaits();
}

void JobResults::endWait(const std::string& id, std::uint64_t wait) {
    impl_->endWait(id, wait);
}

}  // namespace drover
