#include "plugin/abi/DefaultOptions.h"

#include <string>

#include "drover/Exceptions.h"
#include "drover/Json.h"

namespace drover {

std::map<std::string, std::string> parseDefaultOptions(std::string_view json) {
    JsonView document;
    try {
        document = JsonView::parse(json);
    } catch (const JsonException& error) {
        throw PluginException(std::string("not JSON: ") + error.what());
    }
    if (!document.isObject()) {
        throw PluginException("a JSON object such as {\"maxStalledCount\": 10} is needed");
    }
    std::map<std::string, std::string> options;
    for (const auto& [name, member] : document.members()) {
        std::string value;
        if (member.isString()) {
            value = *member.string();
        } else if (member.isNumber() || member.boolean()) {
            // Numbers stay the text that they are: the configuration parses them, with its own ranges.
            value = member.text();
        } else {
            throw PluginException("the value of '" + name +
                                  "' is neither text nor number nor boolean");
        }
        if (!options.emplace(name, value).second) {
            throw PluginException("'" + name + "' occurs twice");
        }
    }
    return options;
}

}  // namespace drover
