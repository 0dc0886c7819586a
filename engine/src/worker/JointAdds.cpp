#include "worker/JointAdds.h"

#include <algorithm>
#include <exception>
#include <iterator>
#include <utility>

#include <Poco/Exception.h>

#include "core/ErrorCode.h"
#include "core/JobFields.h"
#include "core/Log.h"
#include "drover/Exceptions.h"
#include "queue/ops/Add.h"

namespace drover {

namespace {

std::vector<AddResult> all(std::size_t count,
                           AddResult::Status status,
                           const std::string& message) {
    AddResult result;
    result.status = status;
    result.message = message;
    return std::vector<AddResult>(count, result);
}

std::string whatOf(const std::exception& error) {
    const auto* const poco = dynamic_cast<const Poco::Exception*>(&error);
    return poco == nullptr ? error.what() : poco->message();
}

AddResult resultOf(const AddedId& added, const JobRecord& record) {
    AddResult result;
    result.timestampMs = record.timestampMs;
    result.id = added.id;
    result.code = added.code;
    if (!added.error.empty()) {
        // Nothing of it was stored; another try gets another id.
        result.status = AddResult::Status::Unavailable;
        result.message = added.error;
    } else if (const auto code = errorCodeOf(added.code)) {
        result.status = AddResult::Status::Rejected;
        result.message = errorMessage(*code,
                                      {.jobId = record.customId,
                                       .operation = "addJob",
                                       .state = {},
                                       .parentKey = record.parentKey});
    } else {
        result.status = AddResult::Status::Added;
    }
    return result;
}

}  // namespace

std::vector<AddResult> JointAdds::add(const QueueContext& queue,
                                      ClientPool& clients,
                                      std::vector<JobRecord> records) {
    std::vector<AddResult> results;
    for (auto from = records.begin(); from != records.end();) {
        const auto count =
            std::min(records.end() - from, static_cast<std::ptrdiff_t>(kMostPerCall));
        std::vector<AddResult> some =
            addSome(queue,
                    clients,
                    std::vector<JobRecord>(std::make_move_iterator(from),
                                           std::make_move_iterator(from + count)));
        results.insert(results.end(),
                       std::make_move_iterator(some.begin()),
                       std::make_move_iterator(some.end()));
        from += count;
    }
    return results;
}

std::vector<AddResult> JointAdds::addSome(const QueueContext& queue,
                                          ClientPool& clients,
                                          std::vector<JobRecord> records) {
    Waiter mine{std::move(records)};
    std::unique_lock lock(mutex_);
    const auto place = lines_.try_emplace(queue.keys().qualifiedName()).first;
    Line& line = place->second;
    ++line.threads;
    line.waiting.push_back(&mine);
    while (!mine.done) {
        if (line.sending) {
            line.changed.wait(lock);
        } else {
            sendFront(queue, clients, line, lock);
        }
    }
    if (--line.threads == 0) {
        lines_.erase(place);
    }
    return std::move(mine.results);
}

void JointAdds::sendFront(const QueueContext& queue,
                          ClientPool& clients,
                          Line& line,
                          std::unique_lock<std::mutex>& lock) {
    std::vector<Waiter*> together;
    std::vector<JobRecord> records;
    while (!line.waiting.empty() &&
           (together.empty() ||
            records.size() + line.waiting.front()->records.size() <= kMostPerCall)) {
        Waiter* const waiter = line.waiting.front();
        line.waiting.pop_front();
        together.push_back(waiter);
        records.insert(records.end(),
                       std::make_move_iterator(waiter->records.begin()),
                       std::make_move_iterator(waiter->records.end()));
    }
    line.sending = true;
    lock.unlock();
    std::vector<AddResult> results = send(queue, clients, records);
    lock.lock();
    line.sending = false;
    auto next = results.begin();
    for (Waiter* const waiter : together) {
        const auto end = next + static_cast<std::ptrdiff_t>(waiter->records.size());
        waiter->results.assign(std::make_move_iterator(next), std::make_move_iterator(end));
        waiter->done = true;
        next = end;
    }
    line.changed.notify_all();
}

std::vector<AddResult> JointAdds::send(const QueueContext& queue,
                                       ClientPool& clients,
                                       std::vector<JobRecord>& records) {
    const auto lease = clients.lease();
    RedisClient& redis = *lease;
    try {
        redis.connection();
    } catch (const Exception& error) {
        return all(records.size(), AddResult::Status::Unavailable, error.message());
    }
    try {
        const std::int64_t nowMs = redis.nowMs();
        for (JobRecord& record : records) {
            record.timestampMs =
                record.timestampMs == JobRecord::kWhenAdded ? nowMs : record.timestampMs;
        }
        const std::vector<AddedId> added = ops::addJobs(queue, redis, records, nowMs);
        std::vector<AddResult> results;
        results.reserve(added.size());
        for (std::size_t i = 0; i < added.size(); ++i) {
            results.push_back(resultOf(added[i], records[i]));
        }
        return results;
    } catch (const RedisBusyException& error) {
        return all(records.size(), AddResult::Status::Unavailable, error.message());
    } catch (const RedisAuthException& error) {
        return all(records.size(), AddResult::Status::Unavailable, error.message());
    } catch (const std::exception& error) {
        // Sent, and the reply is lost or an error from the middle of the script: it may have been written.
        Log("worker").error("an add of a handler has an unknown result: " + whatOf(error),
                            {.queue = queueNameOf(queue.keys().qualifiedName())});
        return all(records.size(), AddResult::Status::Unknown, whatOf(error));
    }
}

}  // namespace drover
