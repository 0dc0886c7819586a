#include "core/Names.h"

#include <algorithm>
#include <array>
#include <cstddef>

#include "core/JsonText.h"

namespace drover {

namespace {

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

bool isDigit(char c) {
    return c >= '0' && c <= '9';
}

bool isLetter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/// Returns true for the characters that every name may have.
bool isPlain(char c) {
    return isLetter(c) || isDigit(c) || c == '_' || c == '-';
}

/// Returns true for a plugin's name, and for such a name with the characters of `extra` in it.
bool isPluginNameWith(std::string_view name, std::string_view extra) {
    constexpr std::size_t kLongest = 64;
    return !name.empty() && name.size() <= kLongest && isLetter(name.front()) &&
           std::all_of(name.begin(), name.end(), [extra](char c) {
               return isPlain(c) || extra.find(c) != std::string_view::npos;
           });
}

/// Returns true for an integer as JavaScript prints it, which "007" is not.
bool isInteger(std::string_view text) {
    if (text.substr(0, 1) == "-") {
        text.remove_prefix(1);
    }
    return !text.empty() && std::all_of(text.begin(), text.end(), isDigit) &&
           (text == "0" || text.front() != '0');
}

/// Returns true if every queue has a key that ends in `name`: a job with that id would be stored over it.
bool isReservedKey(std::string_view name) {
    return std::find(kReservedKeys.begin(), kReservedKeys.end(), name) != kReservedKeys.end();
}

std::string quoted(std::string_view text) {
    return jsonString(text.substr(0, 140));
}

/// Returns true for text that CLIENT SETNAME accepts.
bool fitsClientName(std::string_view text) {
    return std::all_of(text.begin(), text.end(), [](char c) { return c >= '!' && c <= '~'; });
}

}  // namespace

bool isPluginName(std::string_view name) {
    return isPluginNameWith(name, "");
}

bool isPluginKey(std::string_view name) {
    return isPluginNameWith(name, ".");
}

bool isAlias(std::string_view name) {
    return !name.empty() && std::all_of(name.begin(), name.end(), isPlain);
}

std::string jobIdError(std::string_view id) {
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

std::string storedJobIdError(std::string_view id) {
    if (id.empty()) {
        return "the id of a job must be provided";
    }
    const auto begins = [id](std::string_view prefix) {
        return id.substr(0, prefix.size()) == prefix;
    };
    const std::size_t last = id.rfind(':');
    const bool ofScheduler = begins("repeat:") && last > std::string_view("repeat").size() &&
                             isInteger(id.substr(last + 1));
    if (isReservedKey(id) || begins("drover:") ||
        (!ofScheduler && std::any_of(kReservedFamilies.begin(), kReservedFamilies.end(), begins))) {
        return "the id of a job cannot be " + quoted(id) + ": the queue has a key of that name";
    }
    return "";
}

std::string schedulerIdError(std::string_view id) {
    if (id.empty()) {
        return "the id of a scheduler cannot be empty";
    }
    const std::string_view end = id.substr(std::min(id.rfind(':') + 1, id.size()));
    if (id.find(':') != std::string_view::npos && std::all_of(end.begin(), end.end(), isDigit)) {
        return "the id of a scheduler cannot end in ':' and digits, got " + quoted(id) +
               ": the jobs of the scheduler " + quoted(id.substr(0, id.rfind(':'))) +
               " have such keys";
    }
    if (!isUtf8(id)) {
        return "the id of a scheduler must be UTF-8, got " + quoted(id);
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
    return fitsClientName(name) ? ""
                                : "Worker name must be printable ASCII without spaces, as Redis "
                                  "demands of client names, got " +
                                      quoted(name);
}

std::string prefixError(std::string_view prefix) {
    if (prefix.empty()) {
        return "expected text that is not empty";
    }
    return fitsClientName(prefix) ? ""
                                  : "expected printable ASCII without spaces, as Redis demands of "
                                    "client names, which begin with the prefix";
}

}  // namespace drover
