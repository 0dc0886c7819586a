#include "worker/HandlerJobs.h"

#include <optional>
#include <utility>

#include <Poco/Exception.h>

#include "core/JsonText.h"
#include "core/Names.h"
#include "queue/AddSpans.h"

namespace drover {

namespace {

/// The members of a job, as they stand in its JSON.
struct Members {
    std::optional<std::string> queue;
    NewJob job;
    bool named = false;
};

/// Returns what is wrong; empty: nothing is.
std::string readMembers(std::string_view json, Members& read) {
    const auto members = splitJsonObject(json);
    if (!members) {
        return "is not an object";
    }
    for (const auto& [member, value] : *members) {
        if (member == "queue" || member == "name") {
            auto text = parseJsonString(value);
            if (!text) {
                return "has a \"" + member + "\" that is not a string";
            }
            if (member == "queue") {
                read.queue = std::move(text);
            } else {
                read.job.name = std::move(*text);
                read.named = true;
            }
        } else if (member == "data") {
            read.job.data = value;
        } else if (member == "opts") {
            try {
                read.job.opts = JobOptions::parse(value);
            } catch (const Poco::Exception& error) {
                return "has wrong opts: " + error.message();
            }
        } else {
            return "has an unknown member \"" + member +
                   "\"; its members are queue, name, data and opts";
        }
    }
    return read.named ? "" : "has no name";
}

/// Splits a qualified name. Returns what is wrong with it; empty: nothing is.
std::string splitQueue(const std::string& qualified, HandlerJob& job) {
    const auto colon = qualified.rfind(':');
    if (colon == std::string::npos) {
        return "<prefix>:<queue> was expected";
    }
    job.prefix = qualified.substr(0, colon);
    job.queue = qualified.substr(colon + 1);
    return queueNameError(job.queue);
}

/// Returns the qualified name of a queue that a handler names; without prefix it has that of `job`.
std::string wholeName(const std::string& queue, const ClaimedJob& job) {
    const bool isWhole = queue.find(':') != std::string::npos;
    return isWhole ? queue : job.queue.substr(0, job.queue.rfind(':') + 1) + queue;
}

/// Reads a job that the handler of `by` adds, a child of `by` or not. Returns what is wrong with it; empty: nothing is.
std::string readJob(std::string_view json,
                    const ClaimedJob& by,
                    bool isChild,
                    const std::string& metadata,
                    const PlaceJob& place,
                    HandlerJob& job) {
    Members read;
    if (std::string wrong = readMembers(json, read); !wrong.empty()) {
        return wrong;
    }
    const std::string named = read.queue.value_or(by.queue);
    if (const std::string wrong = splitQueue(isChild ? named : wholeName(named, by), job);
        !wrong.empty()) {
        return "has the queue \"" + named + "\": " + wrong;
    }
    if (const std::string wrong = isChild ? newChildError(read.job) : newJobError(read.job);
        !wrong.empty()) {
        return "cannot be added: " + wrong;
    }
    if (place) {
        job.queue = place(job.prefix, job.queue, read.job, isChild ? by.queue : "");
    }
    passOn(read.job.opts, metadata);
    job.record = isChild ? recordOf(std::move(read.job), ParentJob{by.id, by.queue})
                         : recordOf(std::move(read.job));
    return "";
}

}  // namespace

std::optional<std::vector<HandlerJob>> parseChildren(std::string_view json,
                                                     const ClaimedJob& parent,
                                                     std::string& problem,
                                                     const std::string& metadata,
                                                     const PlaceJob& place) {
    const auto elements = splitJsonArray(json);
    if (!elements) {
        problem = "the children are not a JSON array";
        return std::nullopt;
    }
    std::vector<HandlerJob> children(elements->size());
    for (std::size_t i = 0; i < children.size(); ++i) {
        const std::string wrong =
            readJob((*elements)[i], parent, true, metadata, place, children[i]);
        if (!wrong.empty()) {
            problem = "child " + std::to_string(i) + " " + wrong;
            return std::nullopt;
        }
    }
    return children;
}

std::optional<std::vector<HandlerJob>> parseHandlerJobs(std::string_view json,
                                                        const ClaimedJob& job,
                                                        std::string& problem,
                                                        const std::string& metadata,
                                                        const PlaceJob& place) {
    const auto elements = splitJsonArray(json);
    if (!elements) {
        problem = "the jobs are not a JSON array";
        return std::nullopt;
    }
    std::vector<HandlerJob> jobs(elements->size());
    for (std::size_t i = 0; i < jobs.size(); ++i) {
        const std::string wrong = readJob((*elements)[i], job, false, metadata, place, jobs[i]);
        jobs[i].refusal = wrong.empty() ? "" : "the job " + wrong;
    }
    return jobs;
}

std::string parseHandlerScheduler(std::string_view json,
                                  const ClaimedJob& job,
                                  bool isUpsert,
                                  HandlerScheduler& scheduler) {
    const auto members = splitJsonObject(json);
    if (!members) {
        return "the scheduler is not an object";
    }
    std::string queue = job.queue;
    bool ruled = false;
    try {
        for (const auto& [member, value] : *members) {
            if (member == "queue" || member == "id") {
                const auto text = parseJsonString(value);
                if (!text) {
                    return "the scheduler has a \"" + member + "\" that is not a string";
                }
                (member == "queue" ? queue : scheduler.id) =
                    member == "queue" ? wholeName(*text, job) : *text;
            } else if (isUpsert && member == "repeat") {
                scheduler.repeat = RepeatOptions::parse(value);
                ruled = true;
            } else if (isUpsert && member == "template") {
                scheduler.jobs = JobTemplate::parse(value);
            } else {
                return "the scheduler has an unknown member \"" + member +
                       "\"; its members are queue, id" + (isUpsert ? ", repeat and template" : "");
            }
        }
    } catch (const Poco::Exception& error) {
        return error.message();
    }
    HandlerJob place;
    if (const std::string wrong = splitQueue(queue, place); !wrong.empty()) {
        return "the scheduler has the queue \"" + queue + "\": " + wrong;
    }
    scheduler.prefix = std::move(place.prefix);
    scheduler.queue = std::move(place.queue);
    if (scheduler.id.empty() || (isUpsert && !ruled)) {
        return std::string("the scheduler has no ") + (scheduler.id.empty() ? "id" : "repeat");
    }
    return "";
}

}  // namespace drover
