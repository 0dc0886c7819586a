#include "drover/JobSchedulers.h"

#include <algorithm>
#include <set>
#include <utility>

#include "core/JobFields.h"
#include "drover/Exceptions.h"
#include "drover/Json.h"
#include "drover/Trace.h"
#include "queue/AddSpans.h"
#include "queue/QueueOnServer.h"
#include "queue/SchedulerRecord.h"
#include "queue/ops/Schedulers.h"

namespace drover {

namespace {

/// Records per script call.
constexpr std::int64_t kPage = 500;

}  // namespace

class JobSchedulers::Impl : public QueueOnServer {
public:
    using QueueOnServer::QueueOnServer;
};

JobSchedulers::JobSchedulers(const Redis& redis, const Settings& settings)
    : impl_(std::make_unique<Impl>(redis, settings.prefix, settings.name, settings.bullmq5)) {}
JobSchedulers::~JobSchedulers() = default;

std::optional<ScheduledRun> JobSchedulers::upsert(const std::string& id,
                                                  const RepeatOptions& repeat,
                                                  const JobTemplate& jobs) {
    const auto lease = impl_->redis_.shared().lease();
    RedisClient& redis = *lease;
    const std::int64_t nowMs = redis.nowMs();
    const std::shared_ptr<Tracer>& tracer = impl_->redis_.tracer();
    const SpanStart span = tracer ? tracer->start(TraceScope::current()) : SpanStart();
    const auto record = schedulerRecordOf(
        id, repeat, jobs, nowMs, tracer ? tracer->metadataOf(span) : std::string());
    if (!record) {
        return std::nullopt;
    }
    UpsertResult result = ops::upsertScheduler(impl_->queue_, redis, *record, nowMs);
    if (span.context.sampled) {
        Span upsert =
            upsertSpan(span, queueNameOf(impl_->queue_.keys().qualifiedName()), id, jobs.name);
        AddResult added;
        added.status = result.code < 0 ? AddResult::Status::Rejected : AddResult::Status::Added;
        added.id = result.jobId;
        end(upsert, added);
        tracer->record(std::move(upsert));
    }
    if (result.code < 0) {
        throw ScriptException(
            "scheduler " + jsonString(id) + " of " + impl_->queue_.keys().qualifiedName() + ": " +
                (repeat.every ? "its next run and the 32 after it have" : "its next run has") +
                " a job already (" + std::to_string(result.code) + "), " + result.jobId +
                "; remove that job, or choose another time",
            result.code);
    }
    return ScheduledRun{std::move(result.jobId), result.dueMs};
}

bool JobSchedulers::remove(const std::string& id) {
    return ops::removeScheduler(impl_->queue_, *impl_->redis_.shared().lease(), id);
}

std::optional<JobScheduler> JobSchedulers::get(const std::string& id) const {
    auto stored = ops::scheduler(impl_->queue_, *impl_->redis_.shared().lease(), id);
    return stored ? std::optional(schedulerOf(*std::move(stored))) : std::nullopt;
}

std::vector<JobScheduler> JobSchedulers::list(std::int64_t first,
                                              std::int64_t last,
                                              Order order) const {
    const auto redis = impl_->redis_.shared().lease();
    const std::int64_t count = ops::countSchedulers(impl_->queue_, *redis);
    first = std::max<std::int64_t>(first < 0 ? first + count : first, 0);
    last = std::min(last < 0 ? last + count : last, count - 1);
    std::vector<JobScheduler> found;
    std::set<std::string> seen;
    for (; first <= last; first += kPage) {
        for (StoredScheduler& stored : ops::schedulers(impl_->queue_,
                                                       *redis,
                                                       first,
                                                       std::min(first + kPage - 1, last),
                                                       order == Order::LatestFirst)) {
            if (seen.insert(stored.id).second) {
                found.push_back(schedulerOf(std::move(stored)));
            }
        }
    }
    return found;
}

std::int64_t JobSchedulers::count() const {
    return ops::countSchedulers(impl_->queue_, *impl_->redis_.shared().lease());
}

}  // namespace drover
