#include "plugin/DefaultOptions.h"

#include <rapidjson/document.h>
#include <rapidjson/error/en.h>
#include <utility>

#include "drover/Exceptions.h"

namespace drover {

std::map<std::string, std::string> parseDefaultOptions(std::string_view json) {
    // Numbers stay the text that they are: the configuration parses them, with its own ranges.
    constexpr unsigned kFlags = rapidjson::kParseValidateEncodingFlag |
                                rapidjson::kParseIterativeFlag |
                                rapidjson::kParseNumbersAsStringsFlag;
    rapidjson::Document document;
    document.Parse<kFlags>(json.data(), json.size());
    if (document.HasParseError()) {
        throw PluginException("not JSON at byte " + std::to_string(document.GetErrorOffset()) +
                              ": " + rapidjson::GetParseError_En(document.GetParseError()));
    }
    if (!document.IsObject()) {
        throw PluginException("a JSON object such as {\"maxStalledCount\": 10} is needed");
    }
    std::map<std::string, std::string> options;
    // Const iterators: clang 14 finds RapidJSON's comparison of the others ambiguous.
    for (const auto& member : std::as_const(document).GetObject()) {
        const std::string name(member.name.GetString(), member.name.GetStringLength());
        std::string value;
        if (member.value.IsString()) {
            value.assign(member.value.GetString(), member.value.GetStringLength());
        } else if (member.value.IsBool()) {
            value = member.value.GetBool() ? "true" : "false";
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
