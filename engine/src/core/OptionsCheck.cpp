#include "core/OptionsCheck.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "core/JsonText.h"
#include "core/Names.h"

namespace drover {

namespace {

constexpr int kMaxPriority = 2097151;

constexpr std::array<std::string_view, 4> kChildFailure = {"failParentOnFailure",
                                                           "continueParentOnFailure",
                                                           "ignoreDependencyOnFailure",
                                                           "removeDependencyOnFailure"};

std::string deduplicationError(std::string_view json) {
    const auto members = splitJsonObject(json);
    if (members.has_value()) {
        for (const auto& [name, value] : *members) {
            if (name == "id" && value.front() == '"' && value != "\"\"") {
                return "";
            }
        }
    }
    return "Deduplication id must be provided: {\"id\": \"...\"} expected, got " +
           std::string(json.substr(0, 60));
}

}  // namespace

std::string optionsError(const JobOptions& opts) {
    if (opts.jobId.has_value()) {
        if (std::string error = jobIdError(*opts.jobId); !error.empty()) {
            return error;
        }
    }
    if (opts.priority < 0 || opts.priority > kMaxPriority) {
        return "Priority should be between 0 and 2097151, got " + std::to_string(opts.priority);
    }
    if (opts.backoff.has_value() && !(opts.backoff->jitter >= 0 && opts.backoff->jitter <= 1)) {
        return "Jitter should be between 0 and 1, got " + std::to_string(opts.backoff->jitter);
    }
    bool deduplicated = false;
    bool hasParent = false;
    std::string flags;
    int flagCount = 0;
    for (const auto& [name, json] : opts.extra) {
        if (name == "debounce") {
            return "Debounce option has been removed. Use deduplication option instead";
        }
        if (name == "deduplication") {
            deduplicated = true;
            if (std::string error = deduplicationError(json); !error.empty()) {
                return error;
            }
        }
        hasParent = hasParent || name == "parent";
        const bool isFlag =
            std::find(kChildFailure.begin(), kChildFailure.end(), name) != kChildFailure.end();
        if (isFlag && json == "true") {
            flags += (flags.empty() ? "" : ", ") + name;
            ++flagCount;
        }
    }
    if (deduplicated && hasParent) {
        return "Deduplication and parent options cannot be used together";
    }
    if (flagCount > 1) {
        return "The following options cannot be used together: " + flags;
    }
    return "";
}

}  // namespace drover
