#pragma once

#include <map>
#include <string>
#include <string_view>

namespace drover {

/// Queue settings that a handler suggests, from their JSON form {"maxStalledCount": 10} to key and value as in a
/// .properties file. Throws PluginException for anything but an object of strings, numbers and booleans.
[[nodiscard]] std::map<std::string, std::string> parseDefaultOptions(std::string_view json);

}  // namespace drover
