#include "redis/RedisShared.h"

#include <Poco/Exception.h>

#include "core/HashSlot.h"

namespace drover {

std::shared_ptr<Redis::Shared> Redis::Shared::of(const std::string& queue) {
    if (!options_.isCluster()) {
        return shared_from_this();
    }
    if (const std::string problem = slotError(queue); !problem.empty()) {
        throw Poco::InvalidArgumentException(problem);
    }
    const int slot = hashSlot(queue);
    if (slot == options_.slot) {
        return shared_from_this();
    }
    const auto make = [&](const std::shared_ptr<Slots>& slots) {
        return std::shared_ptr<Shared>(new Shared(options_.ofSlot(slot), nullptr, slots));
    };
    const std::shared_ptr<Slots> slots = slots_.lock();
    if (!slots) {
        return make(nullptr);
    }
    const std::lock_guard lock(slots->mutex);
    std::shared_ptr<Shared>& known = slots->shared[slot];
    if (!known) {
        known = make(slots);
    }
    return known;
}

}  // namespace drover
