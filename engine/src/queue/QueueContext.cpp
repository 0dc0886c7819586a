#include "queue/QueueContext.h"

#include <utility>

#include "core/HashSlot.h"

namespace drover {

QueueContext::QueueContext(QueueKeys keys, Bullmq5 bullmq5)
    : keys_(std::move(keys)),
      bullmq5_(bullmq5),
      sawBullmq5_(std::make_shared<std::atomic<bool>>(false)) {}

const char* QueueContext::bullmq5Argument() const {
    switch (bullmq5_) {
        case Bullmq5::Off:
            return "off";
        case Bullmq5::On:
            return "on";
        case Bullmq5::Auto:
            break;
    }
    return *sawBullmq5_ ? "seen" : "auto";
}

std::string otherSlotError(int slot, const std::string& key, const QueueContext& queue) {
    if (slot < 0 || hashSlot(key) == slot) {
        return "";
    }
    return key + " and the queue " + queue.keys().qualifiedName() +
           " lie in different slots of the cluster: give their names the same text in braces, or "
           "the prefix braces, as in {bull}";
}

}  // namespace drover
