#pragma once

#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "drover/Json.h"
#include "drover/testing/Job.h"

namespace drover::testing::detail {

/// An object, or the empty array that clients in PHP write for an empty one.
inline bool isOptions(const JsonView& json) {
    return json.isObject() || (json.isArray() && json.elements().empty());
}

/// Returns the qualified name of a queue that a handler names; `own` is that of its job.
inline std::string qualified(const std::string& queue, const std::string& own) {
    const bool isShort = queue.find(':') == std::string::npos;
    return queue.empty() ? own
                         : (isShort ? own.substr(0, own.rfind(':') + 1) : std::string()) + queue;
}

/// Reads a job of add_children or add_jobs; std::nullopt: the engine refuses it. `queue` is the one it goes to without a "queue" of
/// its own; a queue without prefix is one of the same prefix if `shortNames`.
inline std::optional<Child> parseJob(const JsonView& json,
                                     const std::string& queue,
                                     bool shortNames) {
    if (!json.isObject()) {
        return std::nullopt;
    }
    Child job{queue, "", "{}", "{}"};
    bool named = false;
    for (const auto& [member, value] : json.members()) {
        const auto text = value.string();
        if (member == "queue" && text) {
            job.queue = shortNames && !text->empty() ? qualified(*text, queue) : *text;
        } else if (member == "name" && text) {
            job.name = *text;
            named = true;
        } else if (member == "data") {
            job.data = value.text();
        } else if (member == "opts" && isOptions(value)) {
            job.opts = value.text();
        } else {
            return std::nullopt;
        }
    }
    const auto colon = job.queue.rfind(':');
    if (!named || colon == std::string::npos || colon + 1 == job.queue.size()) {
        return std::nullopt;
    }
    return job;
}

/// Reads the children that a handler gave to add_children; std::nullopt: the engine refuses them all.
inline std::optional<std::vector<Child>> parseChildren(std::string_view json,
                                                       const std::string& parentQueue) {
    const auto all = JsonView::tryParse(json, std::numeric_limits<std::size_t>::max());
    if (!all || !all->isArray()) {
        return std::nullopt;
    }
    std::vector<Child> children;
    for (const JsonView& element : all->elements()) {
        auto child = parseJob(element, parentQueue, false);
        if (!child) {
            return std::nullopt;
        }
        children.push_back(std::move(*child));
    }
    return children;
}

}  // namespace drover::testing::detail
