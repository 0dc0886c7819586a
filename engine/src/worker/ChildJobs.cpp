#include "worker/ChildJobs.h"

#include <utility>

#include <Poco/Exception.h>

#include "core/JsonText.h"

namespace drover {

namespace {

std::string readChild(std::string_view json, const ClaimedJob& parent, ChildJob& child) {
    const auto members = splitJsonObject(json);
    if (!members) {
        return "is not an object";
    }
    std::string queue = parent.queue;
    NewJob job;
    bool named = false;
    for (const auto& [member, value] : *members) {
        if (member == "queue" || member == "name") {
            const auto text = parseJsonString(value);
            if (!text) {
                return "has a \"" + member + "\" that is not a string";
            }
            (member == "queue" ? queue : job.name) = *text;
            named = named || member == "name";
        } else if (member == "data") {
            job.data = value;
        } else if (member == "opts") {
            try {
                job.opts = JobOptions::parse(value);
            } catch (const Poco::Exception& error) {
                return "has wrong opts: " + error.message();
            }
        } else {
            return "has an unknown member \"" + member +
                   "\"; its members are queue, name, data and opts";
        }
    }
    const auto colon = queue.rfind(':');
    if (!named || colon == std::string::npos || colon + 1 == queue.size()) {
        return named ? "has the queue \"" + queue + "\"; <prefix>:<queue> was expected"
                     : "has no name";
    }
    if (std::string problem = newChildError(job); !problem.empty()) {
        return "cannot be added: " + problem;
    }
    child.prefix = queue.substr(0, colon);
    child.queue = queue.substr(colon + 1);
    child.record = recordOf(std::move(job), ParentJob{parent.id, parent.queue});
    return "";
}

}  // namespace

std::optional<std::vector<ChildJob>> parseChildren(std::string_view json,
                                                   const ClaimedJob& parent,
                                                   std::string& problem) {
    const auto elements = splitJsonArray(json);
    if (!elements) {
        problem = "the children are not a JSON array";
        return std::nullopt;
    }
    std::vector<ChildJob> children(elements->size());
    for (std::size_t i = 0; i < children.size(); ++i) {
        const std::string wrong = readChild((*elements)[i], parent, children[i]);
        if (!wrong.empty()) {
            problem = "child " + std::to_string(i) + " " + wrong;
            return std::nullopt;
        }
    }
    return children;
}

}  // namespace drover
