#include "queues/JobBody.h"

#include <set>
#include <string>
#include <string_view>

#include <Poco/Exception.h>

#include "drover/UnknownOptions.h"
#include "queues/ServedQueues.h"

namespace drover::api {

namespace {

JobOptions parseOptions(const JsonView& json) {
    if (!json.isObject()) {
        throw HttpError(400, R"(opts must be an object such as {"attempts": 3, "delay": 1000})");
    }
    JobOptions options;
    try {
        options = JobOptions::parse(json.text());
    } catch (const Poco::Exception& error) {
        throw HttpError(400, "opts: " + error.message());
    }
    requireKnown(options);
    return options;
}

std::string parseName(const JsonView& json) {
    if (!json.isString()) {
        throw HttpError(400, "name must be a string");
    }
    if (json.hasHalfSurrogate()) {
        throw HttpError(400, "name must not contain half of a surrogate pair");
    }
    return *json.string();
}

}  // namespace

void requireKnown(const JobOptions& options) {
    if (const std::string unknown = unknownOptionError(options); !unknown.empty()) {
        throw HttpError(400, "opts: " + unknown);
    }
}

NewJob parseJob(const JsonView& json) {
    if (!json.isObject()) {
        throw HttpError(
            400, R"(a job must be an object such as {"name": "mail", "data": {}, "opts": {}})");
    }
    NewJob job;
    std::set<std::string> seen;
    for (const auto& [name, value] : json.members()) {
        if (!seen.insert(name).second) {
            throw HttpError(400, "property " + name + " must be given once");
        }
        if (name == "name") {
            job.name = parseName(value);
        } else if (name == "data") {
            job.data = value.text();
        } else if (name == "opts") {
            job.opts = parseOptions(value);
        } else {
            throw HttpError(
                400, "property " + name + " should not exist; a job has name, data and opts");
        }
    }
    if (seen.count("name") == 0) {
        throw HttpError(400, "name should not be empty");
    }
    return job;
}

NewJob parseJob(std::string_view text, const Request& request) {
    try {
        NewJob job = parseJob(JsonView::parse(text));
        ServedQueues::requireScopeOfParent(request, job);
        return job;
    } catch (const JsonException& error) {
        throw HttpError(400, std::string("the job is not JSON: ") + error.what());
    }
}

}  // namespace drover::api
