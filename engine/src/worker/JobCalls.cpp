#include "worker/JobCalls.h"

#include <vector>

#include "core/JobFields.h"
#include "core/JsonText.h"
#include "drover/Exceptions.h"
#include "queue/QueueContext.h"
#include "queue/ops/Add.h"
#include "queue/ops/Children.h"
#include "queue/ops/JobUpdates.h"
#include "worker/ChildJobs.h"

namespace drover {

template <typename Call>
HostStatus JobCalls::call(const ClaimedJob& job, Call call) const {
    try {
        return call(*clients_.lease()) < 0 ? HostStatus::Lost : HostStatus::Ok;
    } catch (const RedisIoException&) {
        return HostStatus::Unavailable;
    } catch (const Exception& error) {
        // Nothing is thrown into a plugin.
        Log("worker").error(error.message(), fieldsOf(job));
        return HostStatus::Unavailable;
    }
}

HostStatus JobCalls::updateProgress(const ClaimedJob& job, std::string_view json) const {
    // Text that is not JSON ends the event loop of every BullMQ client of the queue (docs/wire-format.md#events).
    if (!isJson(json)) {
        return HostStatus::Argument;
    }
    return call(
        job, [&](RedisClient& redis) { return ops::updateProgress(queue_, redis, job.id, json); });
}

HostStatus JobCalls::updateData(const ClaimedJob& job, std::string_view json) const {
    if (!isJson(json)) {
        return HostStatus::Argument;
    }
    return call(job,
                [&](RedisClient& redis) { return ops::updateData(queue_, redis, job.id, json); });
}

HostStatus JobCalls::addLog(const ClaimedJob& job, std::string_view row, std::int64_t keep) const {
    return call(job,
                [&](RedisClient& redis) { return ops::addLog(queue_, redis, job.id, row, keep); });
}

HostStatus JobCalls::addChildren(const ClaimedJob& job,
                                 std::string_view childrenJson,
                                 std::string& ids) const {
    std::string problem;
    const auto children = parseChildren(childrenJson, job, problem);
    if (!children) {
        Log("worker").error("add_children: " + problem, fieldsOf(job));
        return HostStatus::Argument;
    }
    ids = "[";
    return call(job, [&](RedisClient& redis) {
        const std::int64_t nowMs = redis.nowMs();
        // Neighbours for the same queue travel together.
        for (std::size_t from = 0; from < children->size();) {
            const ChildJob& first = (*children)[from];
            std::vector<JobRecord> records;
            while (from < children->size() && (*children)[from].prefix == first.prefix &&
                   (*children)[from].queue == first.queue) {
                records.push_back((*children)[from++].record);
            }
            const QueueContext childQueue(QueueKeys(first.prefix, first.queue),
                                          queue_.bullmq5Mode());
            for (const AddedId& added : ops::addJobs(childQueue, redis, records, nowMs)) {
                if (added.code < 0) {
                    return added.code;
                }
                if (!added.error.empty()) {
                    throw ScriptException("add_children: " + added.error);
                }
                ids += ids.size() > 1 ? "," : "";
                appendJsonString(ids, added.id);
            }
        }
        ids += "]";
        return 0;
    });
}

HostStatus JobCalls::childrenValues(const ClaimedJob& job, std::string& values) const {
    return call(job, [&](RedisClient& redis) {
        values = "{";
        for (const auto& [child, value] : ops::childrenValues(queue_, redis, job.id)) {
            values += values.size() > 1 ? "," : "";
            appendJsonString(values, child);
            values += ":" + value;
        }
        values += "}";
        return 0;
    });
}

}  // namespace drover
