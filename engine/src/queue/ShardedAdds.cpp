#include "queue/ShardedAdds.h"

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <utility>

#include <Poco/Exception.h>

#include "core/Random.h"
#include "redis/RedisFigures.h"
#include "redis/RedisShared.h"

namespace drover {

namespace {

/// The results of one add, gathered from its shards.
struct Joined {
    Joined(std::size_t count, std::size_t shards, ShardedAdds::Done whenDone)
        : results(count), done(std::move(whenDone)), waiting(shards) {}

    void onResults(const std::vector<std::size_t>& places,
                   const std::string& queue,
                   std::vector<AddResult> added) {
        for (std::size_t i = 0; i < added.size(); ++i) {
            added[i].queue = queue;
            results[places[i]] = std::move(added[i]);
        }
        if (waiting.fetch_sub(1) == 1) {
            done(std::move(results));
        }
    }

    std::vector<AddResult> results;  ///< Each shard writes its own.
    const ShardedAdds::Done done;
    std::atomic<std::size_t> waiting;  ///< Shards that have not answered.
};

/// The jobs of an add for one shard.
struct Part {
    std::vector<NewJob> jobs;
    std::vector<std::size_t> places;
};

Queue::Settings shardOf(const Queue::Settings& queue, const std::string& name, int shard) {
    Queue::Settings one = queue;
    one.name = name;
    one.shards = Shards();
    one.admission.maxDepth = queue.shards.partOf(queue.admission.maxDepth, shard);
    return one;
}

}  // namespace

ShardedAdds::ShardedAdds(const Redis& redis, const Queue::Settings& settings)
    : name_(settings.name),
      shards_(settings.shards),
      counts_(redis.shared().options().figures->adds.of(settings.name)),
      turn_(randomBetween(0U, 1023U)) {
    if (shards_.count < 1 || shards_.count > Shards::kMost) {
        throw Poco::InvalidArgumentException("queue " + settings.name + ": shards must be in [1, " +
                                             std::to_string(Shards::kMost) + "], not " +
                                             std::to_string(shards_.count));
    }
    for (const std::string& name : shards_.namesOf(settings.name)) {
        queues_.push_back(
            std::make_unique<QueueAdds>(redis.shared().of(settings.prefix + ":" + name)->options(),
                                        shardOf(settings, name, static_cast<int>(queues_.size())),
                                        counts_));
    }
}

void ShardedAdds::add(std::vector<NewJob> jobs, Clock::time_point deadline, Done done) {
    if (queues_.size() == 1) {
        return queues_.front()->add(std::move(jobs), deadline, std::move(done));
    }
    spread(
        std::move(jobs),
        done,
        [this] { return next(); },
        [deadline](QueueAdds& shard, std::vector<NewJob> some, Done added) {
            shard.add(std::move(some), deadline, std::move(added));
        });
}

void ShardedAdds::addOnce(std::vector<NewJob> jobs, AddOnce once, Done done) {
    if (queues_.size() == 1) {
        return queues_.front()->addOnce(std::move(jobs), std::move(once), std::move(done));
    }
    spread(
        std::move(jobs),
        done,
        [this, &once] { return shards_.shardOf(once.key); },
        [&once](QueueAdds& shard, std::vector<NewJob> some, Done added) {
            shard.addOnce(std::move(some), once, std::move(added));
        });
}

void ShardedAdds::spread(std::vector<NewJob> jobs,
                         const Done& done,
                         const std::function<int()>& anyShard,
                         const Send& send) {
    std::vector<Part> parts(queues_.size());
    for (std::size_t i = 0; i < jobs.size(); ++i) {
        const std::optional<int> shard = shards_.shardOf(jobs[i]);
        Part& part = parts[static_cast<std::size_t>(shard ? *shard : anyShard())];
        part.jobs.push_back(std::move(jobs[i]));
        part.places.push_back(i);
    }
    const auto used = std::count_if(
        parts.begin(), parts.end(), [](const Part& part) { return !part.jobs.empty(); });
    if (used == 0) {
        return done({});
    }
    const auto joined = std::make_shared<Joined>(jobs.size(), static_cast<std::size_t>(used), done);
    for (std::size_t i = 0; i < parts.size(); ++i) {
        if (parts[i].jobs.empty()) {
            continue;
        }
        QueueAdds& queue = *queues_[i];
        send(queue,
             std::move(parts[i].jobs),
             [joined, places = std::move(parts[i].places), &name = queue.qualifiedName()](
                 std::vector<AddResult> added) {
                 joined->onResults(places, name, std::move(added));
             });
    }
}

int ShardedAdds::next() {
    const auto count = static_cast<unsigned>(queues_.size());
    const unsigned first = turn_.fetch_add(1, std::memory_order_relaxed);
    for (unsigned i = 0; i < count; ++i) {
        const unsigned shard = (first + i) % count;
        if (queues_[shard]->problem().empty()) {
            return static_cast<int>(shard);
        }
    }
    return static_cast<int>(first % count);
}

std::optional<QueueLoad> ShardedAdds::load() const {
    std::optional<QueueLoad> all = queues_.front()->load();
    for (auto queue = std::next(queues_.begin()); queue != queues_.end(); ++queue) {
        const std::optional<QueueLoad> one = (*queue)->load();
        if (!all || !one) {
            all.reset();
            continue;  // Each begins to be sampled.
        }
        all->waiting += one->waiting;
        if (one->drainPerSecond) {
            all->drainPerSecond = all->drainPerSecond.value_or(0) + *one->drainPerSecond;
        }
        all->wait = std::max(all->wait, one->wait);
    }
    return all;
}

std::string ShardedAdds::problem() const {
    for (const auto& queue : queues_) {
        if (std::string problem = queue->problem(); !problem.empty()) {
            return queues_.size() == 1 ? problem : queue->qualifiedName() + ": " + problem;
        }
    }
    return "";
}

bool ShardedAdds::progresses() const {
    return std::all_of(
        queues_.begin(), queues_.end(), [](const auto& queue) { return queue->progresses(); });
}

}  // namespace drover
