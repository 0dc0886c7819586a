#include "drover/QueueEventsProducer.h"

#include <Poco/Exception.h>

#include "queue/EventTypes.h"
#include "queue/QueueOnServer.h"
#include "redis/RedisShared.h"

namespace drover {

namespace {

std::string nameError(const std::string& event) {
    if (event.empty()) {
        return "an event needs a name";
    }
    if (event == "error") {
        return "an event may not be named \"error\": it would end Node processes that read it";
    }
    if (eventTypeOf(event) != QueueEvent::Type::Other || event == "debounced") {
        return "an event may not be named \"" + event + "\": queues have events of this name";
    }
    return "";
}

}  // namespace

class QueueEventsProducer::Impl : public QueueOnServer {
public:
    using QueueOnServer::QueueOnServer;
};

QueueEventsProducer::QueueEventsProducer(const Redis& redis, const Settings& settings)
    : impl_(std::make_unique<Impl>(redis, settings.prefix, settings.name)) {}
QueueEventsProducer::~QueueEventsProducer() = default;

std::string QueueEventsProducer::publishEvent(const std::string& event,
                                              const Fields& fields,
                                              std::int64_t maxEvents) {
    std::string error = nameError(event);
    if (error.empty() && maxEvents < 0) {
        error = "maxEvents must be at least 0, not " + std::to_string(maxEvents);
    }
    Command command{"XADD", impl_->queue_.keys().events, "MAXLEN", "~"};
    command.add(maxEvents).add("*").add("event").add(event);
    for (const auto& [name, value] : fields) {
        if (name == "event") {
            error = "a field of an event may not be named \"event\": that field has its name";
        }
        command.add(name).add(value);
    }
    if (!error.empty()) {
        throw Poco::InvalidArgumentException(error);
    }
    return std::string((*impl_->redis_.shared().lease()).call(command).text());
}

}  // namespace drover
