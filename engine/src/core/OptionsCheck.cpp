#include "core/OptionsCheck.h"

#include <algorithm>
#include <optional>

#include "core/Names.h"
#include "drover/Json.h"
#include "drover/UnknownOptions.h"

namespace drover {

namespace {

constexpr int kMaxPriority = 2097151;

constexpr std::array<std::string_view, 20> kTyped = {"attempts",
                                                     "backoff",
                                                     "delay",
                                                     "priority",
                                                     "lifo",
                                                     "jobId",
                                                     "timestamp",
                                                     "removeOnComplete",
                                                     "removeOnFail",
                                                     "keepLogs",
                                                     "stackTraceLimit",
                                                     "sizeLimit",
                                                     "expiresAt",
                                                     "deduplication",
                                                     "parent",
                                                     "telemetry",
                                                     "failParentOnFailure",
                                                     "continueParentOnFailure",
                                                     "ignoreDependencyOnFailure",
                                                     "removeDependencyOnFailure"};

std::string expected(std::string_view option, std::string_view right, const std::string& got) {
    return "opts." + std::string(option) + ": " + std::string(right) + " expected, got " + got;
}

/// Returns the error of a number below 0; a number that is not given has none.
std::string negativeError(std::string_view option, std::optional<std::int64_t> number) {
    return number && *number < 0 ? expected(option, "0 or more", std::to_string(*number)) : "";
}

std::string keepError(std::string_view option, const std::optional<KeepJobs>& keep) {
    if (keep && keep->count < -1) {
        return expected(option, "a count of 0 or more", std::to_string(keep->count));
    }
    if (keep && keep->ageSeconds < -1) {
        return expected(
            std::string(option) + ".age", "0 or more", std::to_string(keep->ageSeconds));
    }
    return keep ? negativeError(std::string(option) + ".limit", keep->limit) : "";
}

std::string backoffError(const Backoff& backoff) {
    if (backoff.type.empty()) {
        return expected("backoff.type", "a name", "\"\"");
    }
    if (!(backoff.jitter >= 0 && backoff.jitter <= 1)) {
        return "Jitter should be between 0 and 1, got " + std::to_string(backoff.jitter);
    }
    if (backoff.isBuiltIn() && !backoff.extra.empty()) {
        return expected("backoff", R"({"type", "delay", "jitter"})", backoff.extra.front().first);
    }
    return backoff.isBuiltIn() ? negativeError("backoff.delay", backoff.delay.count()) : "";
}

std::string deduplicationError(const Deduplication& deduplication) {
    if (deduplication.id.empty()) {
        return "Deduplication id must be provided: {\"id\": \"...\"}";
    }
    return negativeError("deduplication.ttl", deduplication.ttlMs);
}

std::string parentError(const ParentJob& parent) {
    if (parent.id.empty()) {
        return expected("parent.id", "the id of a job", "\"\"");
    }
    const auto colon = parent.queue.rfind(':');
    if (colon == std::string::npos || colon == 0 || colon + 1 == parent.queue.size()) {
        return expected("parent.queue",
                        "the qualified name of a queue, <prefix>:<queue>,",
                        "\"" + parent.queue + "\"");
    }
    return "";
}

/// Returns the error of the options that have no member of their own, and of those that share a member.
std::string extraError(const JobOptions& opts) {
    std::string flags;
    for (const ChildFailureName& name : kChildFailures) {
        if (opts.childFailure == name.effect) {
            flags = name.option;
        }
    }
    bool several = false;
    for (const auto& [name, json] : opts.extra) {
        if (name == "debounce") {
            return "Debounce option has been removed. Use deduplication option instead";
        }
        if (name == "repeat") {
            return "opts.repeat: the jobs of a scheduler are added by the scheduler alone";
        }
        const bool isFlag = childFailureNamed(name) != nullptr;
        if (isFlag && json == "true" && opts.childFailure) {
            flags += ", " + name;
            several = true;
        } else if (isTypedOption(name) && !(isFlag && json == "false")) {
            return expected(name, "a value of the option's type", json.substr(0, 60));
        }
    }
    return several ? "The following options cannot be used together: " + flags : "";
}

}  // namespace

const ChildFailureName* childFailureNamed(std::string_view option) {
    for (const ChildFailureName& name : kChildFailures) {
        if (name.option == option) {
            return &name;
        }
    }
    return nullptr;
}

bool isTypedOption(std::string_view name) {
    return std::find(kTyped.begin(), kTyped.end(), name) != kTyped.end();
}

std::string optionsError(const JobOptions& opts) {
    if (opts.priority < 0 || opts.priority > kMaxPriority) {
        return "Priority should be between 0 and 2097151, got " + std::to_string(opts.priority);
    }
    if (opts.deduplication && opts.parent) {
        return "Deduplication and parent options cannot be used together";
    }
    std::string error = opts.jobId ? jobIdError(*opts.jobId) : "";
    const auto check = [&error](auto&& next) {
        if (error.empty()) {
            error = next();
        }
    };
    check([&] { return negativeError("attempts", opts.attempts); });
    check([&] { return opts.backoff ? backoffError(*opts.backoff) : ""; });
    check([&] { return negativeError("timestamp", opts.timestampMs); });
    check([&] { return keepError("removeOnComplete", opts.removeOnComplete); });
    check([&] { return keepError("removeOnFail", opts.removeOnFail); });
    check([&] { return negativeError("keepLogs", opts.keepLogs); });
    check([&] { return negativeError("stackTraceLimit", opts.stackTraceLimit); });
    check([&] { return negativeError("sizeLimit", opts.sizeLimit); });
    check([&] { return negativeError("expiresAt", opts.expiresAtMs); });
    check([&] { return opts.deduplication ? deduplicationError(*opts.deduplication) : ""; });
    check([&] { return opts.parent ? parentError(*opts.parent) : ""; });
    check([&] { return extraError(opts); });
    return error;
}

std::string unknownOptionError(const JobOptions& opts) {
    for (const auto& [name, json] : opts.extra) {
        // optionsError() has a better cure for these two.
        if (isTypedOption(name) || name == "debounce" || name == "repeat") {
            continue;
        }
        std::string error =
            "the option " + jsonString(name) + " should not exist; the options of a job are ";
        for (const std::string_view known : kTyped) {
            error += known;
            error += known == kTyped.back()               ? ""
                     : known == kTyped[kTyped.size() - 2] ? " and "
                                                          : ", ";
        }
        return error;
    }
    return "";
}

}  // namespace drover
