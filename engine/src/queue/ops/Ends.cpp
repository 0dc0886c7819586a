#include "queue/ops/Ends.h"

#include "queue/EventTypes.h"

namespace drover::ops {

namespace {

constexpr int kEntriesPerPage = 500;
constexpr int kPages = 100;

}  // namespace

std::map<std::string, JobEnd> endsInStream(const QueueContext& queue,
                                           RedisClient& redis,
                                           std::set<std::string> ids) {
    std::map<std::string, JobEnd> ends;
    std::string from = "+";
    for (int page = 0; page < kPages && !ids.empty(); ++page) {
        const Reply reply = redis.call(
            Command{"XREVRANGE", queue.keys().events, from, "-", "COUNT"}.add(kEntriesPerPage));
        for (std::size_t i = 0; i < reply.size(); ++i) {
            const QueueEvent event = eventOf(reply.at(i));
            from = "(" + event.id;
            const auto wanted = ids.find(std::string(event.jobId()));
            if (wanted == ids.end()) {
                continue;
            }
            if (event.type == QueueEvent::Type::Completed) {
                ends[*wanted] = {JobEnd::Status::Completed, std::string(event.returnValue())};
            } else if (event.type == QueueEvent::Type::Failed) {
                ends[*wanted] = {JobEnd::Status::Failed, std::string(event.failedReason())};
            } else if (event.type != QueueEvent::Type::Removed || event.prev() == "completed" ||
                       event.prev() == "failed") {
                continue;
            }
            ids.erase(wanted);
        }
        if (reply.size() < static_cast<std::size_t>(kEntriesPerPage)) {
            break;
        }
    }
    return ends;
}

}  // namespace drover::ops
