#include "config/ConfigReport.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "drover/JsonWriter.h"

namespace drover {

namespace {

std::string shown(const Configuration& config, const std::string& key, const std::string& value) {
    const KeySpec* spec = config.schema().find(key);
    return spec != nullptr && spec->secret && !value.empty() ? "***" : value;
}

bool endsWith(const std::string& text, const std::string& end) {
    return text.size() >= end.size() &&
           text.compare(text.size() - end.size(), end.size(), end) == 0;
}

/// Returns the unit that a key's name ends in; empty: none.
std::string unitOf(const std::string& key) {
    static const std::vector<std::pair<std::string, std::string>> kUnits = {
        {"Ms", "milliseconds"}, {"Us", "microseconds"}, {"Bytes", "bytes"}, {"Mb", "megabytes"}};
    for (const auto& [ending, unit] : kUnits) {
        if (endsWith(key, ending)) {
            return unit;
        }
    }
    return "";
}

/// Returns "An integer in [1, 65535], milliseconds; HUP reloads it."
std::string facts(const KeySpec& spec) {
    std::string line = spec.expectation();
    line[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(line[0])));
    if (spec.type == KeyType::Choice) {
        line = spec.expectation();
    }
    if (!unitOf(spec.pattern).empty()) {
        line += ", " + unitOf(spec.pattern);
    }
    line += spec.secret ? "; secret" : "";
    line += spec.required ? "; required" : "";
    line += spec.reloadable ? "; HUP reloads it." : "; needs a restart.";
    return line;
}

/// Returns a long line as several comment lines.
std::string comment(const std::string& text) {
    constexpr std::size_t kWidth = 110;
    std::string lines;
    std::string line = "#";
    std::size_t from = 0;
    while (from < text.size()) {
        const std::size_t end = std::min(text.find(' ', from), text.size());
        if (line.size() + 1 + end - from > kWidth) {
            lines += line + "\n";
            line = "#";
        }
        line += " " + text.substr(from, end - from);
        from = end + 1;
    }
    return lines + line + "\n";
}

}  // namespace

std::string showText(const Configuration& config) {
    std::string text;
    for (const auto& [key, value] : config.effective()) {
        text += key + " = " + shown(config, key, value.text) + "   (" + value.origin + ")\n";
    }
    return text;
}

std::string showJson(const Configuration& config) {
    JsonWriter json;
    json.beginObject();
    for (const auto& [key, value] : config.effective()) {
        json.key(key).beginObject();
        json.key("value").text(shown(config, key, value.text));
        json.key("origin").text(value.origin);
        json.endObject();
    }
    json.endObject();
    return json.str();
}

std::string referenceText(const ConfigSchema& schema) {
    std::string text =
        "# Every key of drover, with its default. Written by `drover config show --reference`; a "
        "test compares it\n"
        "# with the table in the source.\n"
        "#\n"
        "# Give it as the first --config to set what all roles share; a later file, the "
        "environment\n"
        "# (DROVER_REDIS_HOST for redis.host) and --set redis.host=... win over it, in this "
        "order.\n"
        "# Keys of a plugin (echo.*, api.*) are described by the plugin: its README, or the files "
        "of the roles.\n";
    std::string section;
    for (const KeySpec& spec : schema.specs()) {
        const std::string current = spec.pattern.substr(0, spec.pattern.find('.'));
        text += "\n";
        if (current != section && current == "queue") {
            text += comment(
                        "Queues have aliases, since their names may contain dots. The settings of "
                        "a worker that "
                        "worker.defaults.* describes have no default here: below them are what the "
                        "handler's plugin "
                        "suggests, and then worker.defaults.*.") +
                    "\n";
        }
        section = current;
        text += comment(spec.sentence);
        text += comment(facts(spec));
        const std::string value = spec.defaultValue.value_or("");
        text += "#" + spec.pattern + (value.empty() ? " =" : " = " + value) + "\n";
    }
    return text;
}

}  // namespace drover
