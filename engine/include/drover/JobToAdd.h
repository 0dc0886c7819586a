#pragma once

#include <stdexcept>
#include <string>
#include <utility>

#include "drover/Json.h"

namespace drover {

/// A job that a handler adds: ActiveJob::addJob().
struct JobToAdd {
    std::string name;
    std::string data = "{}";  ///< One JSON value, stored byte for byte.
    std::string opts = "{}";  ///< JSON object with BullMQ's names of options.
    /// A queue with the prefix of the handler's own, or "<prefix>:<queue>"; empty: the handler's own queue.
    std::string queue = {};
};

/// The result of an add by a handler.
struct AddedJob {
    enum class Status {
        Added,  ///< `id` is set. Also for a jobId, or a deduplication id, that a job has already.
        Rejected,  ///< `message` names what is wrong; `code` -5: no such parent, -7: it cannot be
                   ///< replaced, 0: a bad option.
        Unavailable,  ///< Not sent.
        Unknown       ///< The reply was lost: it may have been added.
    };

    Status status = Status::Unknown;
    std::string id = {};
    int code = 0;
    std::string message = {};

    bool operator==(const AddedJob&) const = default;
};

namespace detail {

/// Returns the argument of add_jobs. Throws std::invalid_argument for data or options that are not JSON.
inline std::string jsonOf(const JobToAdd& job) {
    for (const auto& [member, text] :
         {std::pair<const char*, const std::string&>("data", job.data), {"opts", job.opts}}) {
        if (!isJson(text)) {
            throw std::invalid_argument("the " + std::string(member) + " of the job \"" + job.name +
                                        "\" is not JSON");
        }
    }
    std::string json = "{";
    if (!job.queue.empty()) {
        json += "\"queue\":" + jsonString(job.queue) + ",";
    }
    return json + "\"name\":" + jsonString(job.name) + ",\"data\":" + job.data +
           ",\"opts\":" + job.opts + "}";
}

/// Reads an element of the answer of add_jobs.
inline AddedJob addedJob(const JsonView& json) {
    AddedJob added;
    const std::string status = json["status"].string().value_or("");
    if (status == "added") {
        added.status = AddedJob::Status::Added;
    } else if (status == "rejected") {
        added.status = AddedJob::Status::Rejected;
    } else if (status == "unavailable") {
        added.status = AddedJob::Status::Unavailable;
    }
    added.id = json["id"].string().value_or("");
    added.code = static_cast<int>(json["code"].integer().value_or(0));
    added.message = json["message"].string().value_or("");
    return added;
}

}  // namespace detail
}  // namespace drover
