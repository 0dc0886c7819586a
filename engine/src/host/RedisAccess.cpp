#include "host/RedisAccess.h"

#include <string>

#include "drover/Exceptions.h"
#include "redis/Connection.h"

namespace drover {

RedisOptions redisOptions(const RedisSettings& settings) {
    RedisOptions options;
    options.host = settings.host;
    options.port = settings.port;
    options.user = settings.user;
    options.password = settings.password;
    options.database = settings.db;
    options.connectTimeout = settings.connectTimeout;
    options.commandTimeout = settings.commandTimeout;
    return options;
}

ServerProbe redisProbe(const RedisOptions& options) {
    const std::string name = "redis " + options.host + ":" + std::to_string(options.port);
    return {name, [options] {
                try {
                    const Connection connection(options, "drover:startup");
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
