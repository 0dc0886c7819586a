#include "worker/CallTexts.h"

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <optional>
#include <utility>

#include "drover/Json.h"
#include "drover/JsonWriter.h"

namespace drover {

namespace {

const char* toString(AddResult::Status status) {
    switch (status) {
        case AddResult::Status::Added:
            return "added";
        case AddResult::Status::Rejected:
            return "rejected";
        case AddResult::Status::Unavailable:
        case AddResult::Status::QueueFull:
        case AddResult::Status::MemoryFull:
            return "unavailable";
        case AddResult::Status::Unknown:
            break;
    }
    return "unknown";
}

/// Writes an object of JSON values. Other clients write them, so a value may be no JSON: then it is a text.
void addValues(JsonWriter& out, const JobChildren::Values& values) {
    out.beginObject();
    for (const auto& [key, value] : values) {
        out.key(key);
        isJson(value) ? out.raw(value) : out.text(value);
    }
    out.endObject();
}

void addTexts(JsonWriter& out, const JobChildren::Values& texts) {
    out.beginObject();
    for (const auto& [key, text] : texts) {
        out.key(key).text(text);
    }
    out.endObject();
}

/// The kinds of children in the JSON of a handler.
struct ChildKind {
    const char* name;
    const char* cursor;
    std::optional<ChildPage> ChildPages::*page;
    std::uint64_t ChildrenPage::*next;
    void (*add)(JsonWriter& out, const JobChildren& children);
};
constexpr ChildKind kChildKinds[] = {
    {"processed",
     "nextProcessedCursor",
     &ChildPages::processed,
     &ChildrenPage::nextProcessed,
     [](JsonWriter& out, const JobChildren& all) { addValues(out, all.processed); }},
    {"unprocessed",
     "nextUnprocessedCursor",
     &ChildPages::unprocessed,
     &ChildrenPage::nextUnprocessed,
     [](JsonWriter& out, const JobChildren& all) { out.texts(all.unprocessed); }},
    {"ignored",
     "nextIgnoredCursor",
     &ChildPages::ignored,
     &ChildrenPage::nextIgnored,
     [](JsonWriter& out, const JobChildren& all) { addTexts(out, all.ignored); }},
    {"failed",
     "nextFailedCursor",
     &ChildPages::failed,
     &ChildrenPage::nextFailed,
     [](JsonWriter& out, const JobChildren& all) { out.texts(all.failed); }},
};

/// The children of the kinds in `pages`; null: all of them, which have no cursors.
std::string textOf(const ChildrenPage& read, const ChildPages* pages) {
    JsonWriter out;
    out.beginObject();
    for (const ChildKind& kind : kChildKinds) {
        if (pages == nullptr || pages->*kind.page) {
            kind.add(out.key(kind.name), read.children);
        }
        if (pages != nullptr && pages->*kind.page) {
            out.key(kind.cursor).number(read.*kind.next);
        }
    }
    return std::move(out.endObject()).str();
}

}  // namespace

std::string callText(const std::vector<AddResult>& results) {
    JsonWriter out;
    out.beginArray();
    for (const AddResult& result : results) {
        out.beginObject().key("status").text(toString(result.status));
        if (result.status == AddResult::Status::Added) {
            out.key("id").text(result.id);
        } else {
            out.key("code").number(result.code).key("message").text(result.message);
        }
        out.endObject();
    }
    return std::move(out.endArray()).str();
}

std::string callText(const JobChildren::Values& values) {
    JsonWriter out;
    addValues(out, values);
    return std::move(out).str();
}

std::string callText(const JobChildren& children) {
    return textOf({.children = children}, nullptr);
}

std::string callText(const ChildrenPage& read, const ChildPages& pages) {
    return textOf(read, &pages);
}

std::string callText(const ChildCounts& counts) {
    JsonWriter out;
    out.beginObject().key("processed").number(counts.processed);
    out.key("unprocessed").number(counts.unprocessed);
    out.key("ignored").number(counts.ignored).key("failed").number(counts.failed);
    return std::move(out.endObject()).str();
}

std::string callText(const ScheduledRun& run) {
    JsonWriter out;
    out.beginObject().key("jobId").text(run.jobId).key("dueMs").number(run.dueMs).endObject();
    return std::move(out).str();
}

std::string callText(const FailedChildren& children) {
    JsonWriter out;
    out.beginObject().key("failed").beginObject();
    for (const auto& [key, reason] : children.failed) {
        out.key(key);
        reason ? out.text(*reason) : out.null();
    }
    out.endObject().key("ignored");
    addTexts(out, children.ignored);
    return std::move(out.endObject()).str();
}

std::string readChildPages(std::string_view text, ChildPages& pages) {
    const JsonView json = JsonView::tryParse(text).value_or(JsonView());
    if (!json.isObject()) {
        return "the pages are not a JSON object";
    }
    for (const auto& [name, page] : json.members()) {
        const auto* const kind = std::find_if(
            std::begin(kChildKinds), std::end(kChildKinds), [&wanted = name](const ChildKind& one) {
                return wanted == one.name;
            });
        if (kind == std::end(kChildKinds)) {
            return "there is no kind of children \"" + name +
                   "\"; the kinds are processed, unprocessed, ignored and failed";
        }
        ChildPage& wanted = (pages.*kind->page).emplace();
        for (const auto& [member, value] : page.members()) {
            const std::int64_t least = member == "count" ? 1 : 0;
            const auto number = value.integer();
            if ((member != "cursor" && member != "count") || !number || *number < least) {
                return "the page of " + name + " has \"" + member +
                       "\": " + std::string(value.text()) +
                       "; it may have a cursor of 0 or more and a count of 1 or more";
            }
            if (member == "count") {
                wanted.count = *number;
            } else {
                wanted.cursor = static_cast<std::uint64_t>(*number);
            }
        }
    }
    return "";
}

}  // namespace drover
