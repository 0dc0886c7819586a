#include "core/JobName.h"

#include <algorithm>
#include <array>
#include <cstddef>

#include "core/JsonText.h"

namespace drover {

namespace {

constexpr int kMaxPriority = 2097151;

/// The keys of a queue: lists and sets of states, counters, and names that older versions used.
constexpr std::array<std::string_view, 22> kReservedKeys = {
    "meta",      "id",          "wait",    "paused",
    "active",    "prioritized", "delayed", "waiting-children",
    "completed", "failed",      "events",  "pc",
    "marker",    "limiter",     "stalled", "stalled-check",
    "repeat",    "de",          "dn",      "metrics",
    "delay",     "priority"};

/// Families of keys with more parts, which an id of three parts could hit.
constexpr std::array<std::string_view, 4> kReservedFamilies = {"de:", "dn:", "metrics:", "repeat:"};

constexpr std::array<std::string_view, 4> kChildFailure = {"failParentOnFailure",
                                                           "continueParentOnFailure",
                                                           "ignoreDependencyOnFailure",
                                                           "removeDependencyOnFailure"};

bool isDigit(char c) {
    return c >= '0' && c <= '9';
}

/// An integer as JavaScript would print it; "007" is none.
bool isInteger(std::string_view text) {
    if (text.substr(0, 1) == "-") {
        text.remove_prefix(1);
    }
    return !text.empty() && std::all_of(text.begin(), text.end(), isDigit) &&
           (text == "0" || text.front() != '0');
}

std::string quoted(std::string_view text) {
    return jsonString(text.substr(0, 140));
}

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

bool isReservedKey(std::string_view name) {
    return std::find(kReservedKeys.begin(), kReservedKeys.end(), name) != kReservedKeys.end();
}

std::string customIdError(std::string_view id) {
    if (id.empty()) {
        return "Custom Id cannot be empty; leave jobId out for an id of the queue's own";
    }
    if (id == "0" || id.substr(0, 2) == "0:") {
        return "JobId cannot be '0' or start with '0:', got " + quoted(id);
    }
    if (isInteger(id)) {
        return "Custom Id cannot be integers, got " + quoted(id) +
               "; those are the queue's own, a letter in front makes it one of yours";
    }
    const auto colons = std::count(id.begin(), id.end(), ':');
    if (colons != 0 && colons != 2) {
        return "Custom Id cannot contain :, got " + quoted(id) +
               "; only three parts, with ':' between them, are allowed";
    }
    const bool family = std::any_of(
        kReservedFamilies.begin(), kReservedFamilies.end(), [id](std::string_view prefix) {
            return id.substr(0, prefix.size()) == prefix;
        });
    if (isReservedKey(id) || family) {
        return "Custom Id cannot be " + quoted(id) + ": the queue has a key of that name";
    }
    if (!isUtf8(id)) {
        return "Custom Id must be UTF-8, got " + quoted(id);
    }
    return "";
}

std::string queueNameError(std::string_view name) {
    if (name.empty()) {
        return "Queue name must be provided";
    }
    if (name.find(':') != std::string_view::npos) {
        return "Queue name cannot contain :, got " + quoted(name);
    }
    if (!isUtf8(name)) {
        return "Queue name must be UTF-8, got " + quoted(name);
    }
    return "";
}

std::string workerNameError(std::string_view name) {
    const bool printable =
        std::all_of(name.begin(), name.end(), [](char c) { return c >= '!' && c <= '~'; });
    return printable ? ""
                     : "Worker name must be printable ASCII without spaces, as Redis demands of "
                       "client names, got " +
                           quoted(name);
}

std::string edgeNameError(std::string_view what, std::string_view name) {
    constexpr std::size_t kLongest = 128;
    const bool allowed = std::all_of(name.begin(), name.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || isDigit(c) || c == '_' ||
               c == '-';
    });
    const std::string subject(what);
    if (name.empty() || name.size() > kLongest || !allowed) {
        return subject + " must have 1 to 128 characters of A-Z, a-z, 0-9, '_' and '-'";
    }
    if (std::all_of(name.begin(), name.end(), isDigit) || isInteger(name)) {
        return subject + " must not be a number";
    }
    if (isReservedKey(name)) {
        return subject + " must not be " + quoted(name) + ": queues have a key of that name";
    }
    return "";
}

std::string optionsError(const JobOptions& opts) {
    if (opts.jobId.has_value()) {
        if (std::string error = customIdError(*opts.jobId); !error.empty()) {
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
