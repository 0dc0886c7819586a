#include "queues/ServedQueues.h"

#include <algorithm>
#include <utility>

#include <Poco/Exception.h>

#include "drover/Scope.h"
#include "queues/QueueTable.h"

namespace drover::api {

ServedQueues::ServedQueues(std::vector<std::string> globs, QueueTable& queues)
    : globs_(std::move(globs)), queues_(queues) {
    for (const std::string& glob : globs_) {
        static_cast<void>(Scope::parse("add:" + glob));  // Has the same rules.
    }
}

void ServedQueues::require(const std::string& name) const {
    if (std::none_of(globs_.begin(), globs_.end(), [&name](const std::string& glob) {
            return matchesGlob(glob, name);
        })) {
        throw HttpError(404,
                        "api.queues does not list the queue " + name + "; it has globs of names");
    }
}

template <typename Part>
std::shared_ptr<Part> ServedQueues::opened(
    const std::string& name, std::shared_ptr<Part> (QueueTable::*make)(const std::string&)) const {
    require(name);
    try {
        if (auto part = (queues_.*make)(name)) {
            return part;
        }
    } catch (const Poco::InvalidArgumentException& error) {
        throw HttpError(400, error.message());
    }
    throw HttpError(503, "Too many queues are in use, or the server is stopping", 1);
}

std::shared_ptr<Queue> ServedQueues::open(const std::string& name) const {
    return opened(name, &QueueTable::open);
}

std::shared_ptr<JobResults> ServedQueues::results(const std::string& name) const {
    return opened(name, &QueueTable::results);
}

Queue::Settings ServedQueues::settings(const std::string& name) const {
    return queues_.settings(name);
}

const Redis& ServedQueues::redis() const {
    return queues_.redis();
}

void ServedQueues::requireScope(const Request& request, const std::string& queue) {
    const Scope scope{Scope::Kind::Add, queue};
    if (request.token && (queue.empty() || !request.token->allows(scope))) {
        throw HttpError(
            403, "the token " + request.token->name + " does not have the scope " + scope.text());
    }
}

void ServedQueues::requireScopeOfParent(const Request& request, const NewJob& job) {
    if (job.opts.parent) {
        const std::string& queue = job.opts.parent->queue;
        requireScope(request, queue.substr(queue.rfind(':') + 1));
    }
}

Parameter ServedQueues::parameter() {
    Parameter queue;
    queue.name = "queue";
    queue.description = "Name of the queue.";
    queue.maxLength = 256;
    return queue;
}

}  // namespace drover::api
