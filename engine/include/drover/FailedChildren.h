#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "drover/JobChildren.h"
#include "drover/Json.h"

namespace drover {

/// The children of a job that failed. A key is "<prefix>:<queue>:<id>".
struct FailedChildren {
    /// Key of a child that fails the job, and its reason; std::nullopt if that child has been removed.
    std::vector<std::pair<std::string, std::optional<std::string>>> failed;
    JobChildren::Values ignored;  ///< Key of a child whose failure is ignored, and its reason.
};

namespace detail {

/// Calls `add(key, value)` for each member of an object.
template <typename Add>
void forEachMember(const JsonView& object, Add add) {
    for (const auto& [key, value] : object.members()) {
        add(key, value);
    }
}

inline std::vector<std::string> texts(const JsonView& array) {
    std::vector<std::string> texts;
    for (const JsonView& element : array.elements()) {
        texts.push_back(element.string().value_or(""));
    }
    return texts;
}

/// Reads the answer of dependencies.
inline ChildrenPage childrenPage(const JsonView& json) {
    ChildrenPage page;
    forEachMember(json["processed"], [&](const std::string& key, const JsonView& value) {
        page.children.processed.emplace_back(key, value.text());
    });
    page.children.unprocessed = texts(json["unprocessed"]);
    forEachMember(json["ignored"], [&](const std::string& key, const JsonView& reason) {
        page.children.ignored.emplace_back(key, reason.string().value_or(""));
    });
    page.children.failed = texts(json["failed"]);
    const auto cursor = [&json](const char* name) {
        return static_cast<std::uint64_t>(json[name].integer().value_or(0));
    };
    page.nextProcessed = cursor("nextProcessedCursor");
    page.nextUnprocessed = cursor("nextUnprocessedCursor");
    page.nextIgnored = cursor("nextIgnoredCursor");
    page.nextFailed = cursor("nextFailedCursor");
    return page;
}

/// Returns the argument of dependencies.
inline std::string jsonOf(const ChildPages& pages) {
    std::string json = "{";
    const auto add = [&json](const char* kind, const std::optional<ChildPage>& page) {
        if (page) {
            json += json.size() > 1 ? ",\"" : "\"";
            json.append(kind)
                .append("\":{\"cursor\":")
                .append(std::to_string(page->cursor))
                .append(",\"count\":")
                .append(std::to_string(page->count))
                .append("}");
        }
    };
    add("processed", pages.processed);
    add("unprocessed", pages.unprocessed);
    add("ignored", pages.ignored);
    add("failed", pages.failed);
    return json + "}";
}

/// Reads the answer of dependencies_count.
inline ChildCounts childCounts(const JsonView& json) {
    const auto count = [&json](const char* kind) { return json[kind].integer().value_or(0); };
    return {count("processed"), count("unprocessed"), count("ignored"), count("failed")};
}

/// Reads the answer of failed_children.
inline FailedChildren failedChildren(const JsonView& json) {
    FailedChildren children;
    forEachMember(json["failed"], [&](const std::string& key, const JsonView& reason) {
        children.failed.emplace_back(key, reason.string());
    });
    forEachMember(json["ignored"], [&](const std::string& key, const JsonView& reason) {
        children.ignored.emplace_back(key, reason.string().value_or(""));
    });
    return children;
}

}  // namespace detail
}  // namespace drover
