#include "host/RedisProbe.h"

#include <string>

#include "core/Log.h"
#include "drover/Exceptions.h"
#include "drover/operate/QueueDoctor.h"
#include "redis/Connection.h"
#include "redis/RedisShared.h"

namespace drover {

namespace {

/// Returns where the server is, for a person.
std::string placeOf(const RedisOptions& options) {
    if (options.sentinel) {
        return "redis " + options.sentinel->master + " of the sentinels";
    }
    return options.isCluster() ? "redis cluster" : "redis " + options.address();
}

}  // namespace

ServerProbe redisProbe(const Redis& redis) {
    const RedisOptions& options = redis.shared().options();
    return {placeOf(options), [redis, options] {
                try {
                    const Connection connection(options.located(), "drover:startup");
                } catch (const RedisAuthException& error) {
                    if (error.code() == Connection::kNoSuchDatabase) {
                        throw ConfigException(error.message() + "; redis.db is " +
                                              std::to_string(options.database));
                    }
                    throw;
                }
                for (const QueueFinding& finding : QueueDoctor::examineServer(redis)) {
                    // The difference of the clocks has a line of its own.
                    if (finding.kind != "clock") {
                        Log("redis").warning(finding.sentence);
                    }
                }
            }};
}

}  // namespace drover
