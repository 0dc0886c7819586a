#include "redis/RedisOptions.h"

#include "redis/ClusterEndpoints.h"
#include "redis/SentinelEndpoints.h"

namespace drover {

RedisOptions::RedisOptions(const Redis::Settings& settings) : Redis::Settings(settings) {
    if (sentinel) {
        endpoints = std::make_shared<SentinelEndpoints>(settings);
    } else if (isCluster()) {
        endpoints = std::make_shared<ClusterEndpoints>(settings);
    }
}

RedisOptions RedisOptions::at(const Redis::Address& address) const {
    RedisOptions there = *this;
    there.host = address.host;
    there.port = address.port;
    return there;
}

RedisOptions RedisOptions::ofSlot(int number) const {
    RedisOptions options = *this;
    options.slot = number;
    options.time = std::make_shared<ServerTime>();
    options.refusal = std::make_shared<Refusal>();
    return options;
}

RedisOptions RedisOptions::located() const {
    return endpoints ? at(endpoints->find(slot)) : *this;
}

}  // namespace drover
