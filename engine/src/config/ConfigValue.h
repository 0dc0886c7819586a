#pragma once

#include <map>
#include <string>

namespace drover {

/// A value and its origin ("conf/consumer.properties:3", "environment REDIS_HOST", "--set", "default").
struct ConfigValue {
    std::string text;
    std::string origin;
};

/// Values by key.
using ConfigValueMap = std::map<std::string, ConfigValue>;

}  // namespace drover
