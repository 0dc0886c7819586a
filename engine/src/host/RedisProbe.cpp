#include "host/RedisProbe.h"

#include <string>

#include "drover/Exceptions.h"
#include "redis/Connection.h"
#include "redis/RedisShared.h"

namespace drover {

ServerProbe redisProbe(const Redis& redis) {
    const RedisOptions& options = redis.shared().options();
    const std::string name = "redis " + options.address();
    return {name, [options] {
                try {
                    const Connection connection(options.located(), "drover:startup");
                } catch (const RedisAuthException& error) {
                    if (error.code() == Connection::kNoSuchDatabase) {
                        throw ConfigException(error.message() + "; redis.db is " +
                                              std::to_string(options.database));
                    }
                    throw;
                }
            }};
}

}  // namespace drover
