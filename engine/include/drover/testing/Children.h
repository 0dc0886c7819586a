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

/// Reads the children that a handler gave to add_children; std::nullopt: the engine refuses them all.
inline std::optional<std::vector<Child>> parseChildren(std::string_view json,
                                                       const std::string& parentQueue) {
    const auto all = JsonView::tryParse(json, std::numeric_limits<std::size_t>::max());
    if (!all || !all->isArray()) {
        return std::nullopt;
    }
    std::vector<Child> children;
    for (const JsonView& element : all->elements()) {
        if (!element.isObject()) {
            return std::nullopt;
        }
        Child child{parentQueue, "", "{}", "{}"};
        bool named = false;
        for (const auto& [member, value] : element.members()) {
            const auto text = value.string();
            if (member == "queue" && text) {
                child.queue = *text;
            } else if (member == "name" && text) {
                child.name = *text;
                named = true;
            } else if (member == "data") {
                child.data = value.text();
            } else if (member == "opts" && isOptions(value)) {
                child.opts = value.text();
            } else {
                return std::nullopt;
            }
        }
        const auto colon = child.queue.rfind(':');
        if (!named || colon == std::string::npos || colon + 1 == child.queue.size()) {
            return std::nullopt;
        }
        children.push_back(std::move(child));
    }
    return children;
}

}  // namespace drover::testing::detail
