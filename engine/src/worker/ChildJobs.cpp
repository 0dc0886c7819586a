#include "worker/ChildJobs.h"

#include <array>

#include <Poco/Exception.h>

#include "core/JsonText.h"
#include "core/OptionsCheck.h"

namespace drover {

namespace {

/// The effect of a child's failure on its parent: the option, and its short name inside the hash field `parent`.
constexpr std::array<std::pair<std::string_view, std::string_view>, 4> kFailureFlags{
    {{"failParentOnFailure", "fpof"},
     {"continueParentOnFailure", "cpof"},
     {"ignoreDependencyOnFailure", "idof"},
     {"removeDependencyOnFailure", "rdof"}}};

std::string parentField(const ClaimedJob& parent, const JobOptions& options) {
    std::string json =
        "{\"id\":" + jsonString(parent.id) + ",\"queueKey\":" + jsonString(parent.queue);
    for (const auto& [option, flag] : kFailureFlags) {
        for (const auto& [name, value] : options.extra) {
            if (name == option && value == "true") {
                json += ",\"" + std::string(flag) + "\":true";
            }
        }
    }
    return json + "}";
}

std::string readChild(std::string_view json,
                      const ClaimedJob& parent,
                      std::int64_t nowMs,
                      ChildJob& child) {
    const auto members = splitJsonObject(json);
    if (!members) {
        return "is not an object";
    }
    std::string queue = parent.queue;
    JobOptions options;
    child.item.data = "{}";
    bool named = false;
    for (const auto& [member, value] : *members) {
        if (member == "queue" || member == "name") {
            const auto text = parseJsonString(value);
            if (!text) {
                return "has a \"" + member + "\" that is not a string";
            }
            (member == "queue" ? queue : child.item.name) = *text;
            named = named || member == "name";
        } else if (member == "data") {
            child.item.data = value;
        } else if (member == "opts") {
            try {
                options = JobOptions::parse(value);
            } catch (const Poco::Exception& error) {
                return "has wrong opts: " + error.message();
            }
        } else {
            return "has an unknown member \"" + member + "\"; queue, name, data and opts are known";
        }
    }
    const auto colon = queue.rfind(':');
    if (!named || colon == std::string::npos || colon + 1 == queue.size()) {
        return named ? "has the queue \"" + queue + "\"; <prefix>:<queue> was expected"
                     : "has no name";
    }
    options.extra.emplace_back(
        "parent",
        "{\"id\":" + jsonString(parent.id) + ",\"queue\":" + jsonString(parent.queue) + "}");
    if (std::string problem = optionsError(options); !problem.empty()) {
        return "has wrong opts: " + problem;
    }
    child.prefix = queue.substr(0, colon);
    child.queue = queue.substr(colon + 1);
    child.item.timestampMs = options.timestampMs.value_or(nowMs);
    child.item.delayMs = options.delayMs.value_or(0);
    child.item.priority = options.priority;
    child.item.customId = options.jobId.value_or("");
    child.item.lifo = options.lifo;
    child.item.opts = options.toStoredJson();
    child.item.parentKey = parent.queue + ":" + parent.id;
    child.item.parent = parentField(parent, options);
    return "";
}

}  // namespace

std::optional<std::vector<ChildJob>> parseChildren(std::string_view json,
                                                   const ClaimedJob& parent,
                                                   std::int64_t nowMs,
                                                   std::string& problem) {
    const auto elements = splitJsonArray(json);
    if (!elements) {
        problem = "the children are not a JSON array";
        return std::nullopt;
    }
    std::vector<ChildJob> children(elements->size());
    for (std::size_t i = 0; i < children.size(); ++i) {
        const std::string wrong = readChild((*elements)[i], parent, nowMs, children[i]);
        if (!wrong.empty()) {
            problem = "child " + std::to_string(i) + " " + wrong;
            return std::nullopt;
        }
    }
    return children;
}

}  // namespace drover
