#pragma once

#include <memory>
#include <string>
#include <vector>

#include "drover/JobResults.h"
#include "drover/Queue.h"
#include "drover/Routes.h"

namespace drover::api {

class QueueTable;

/// The queues that the routes serve: those whose names match a glob.
/// Threads: any.
class ServedQueues {
public:
    /// `queues` must outlive this. Throws ConfigException for a glob that a scope could not have.
    ServedQueues(std::vector<std::string> globs, QueueTable& queues);

    /// Throws HttpError 404 if no glob has the queue.
    void require(const std::string& name) const;
    /// Returns the queue. Throws HttpError: 404 as require(), 400 for a name that no queue can have, 503 if too many queues
    /// are in use.
    [[nodiscard]] std::shared_ptr<Queue> open(const std::string& name) const;
    /// Returns the ends of the queue's jobs. Throws as open() does.
    [[nodiscard]] std::shared_ptr<JobResults> results(const std::string& name) const;

    [[nodiscard]] Queue::Settings settings(const std::string& name) const;
    [[nodiscard]] const Redis& redis() const;

    /// Throws HttpError 403 if the request has a token that may not add to the queue.
    static void requireScope(const Request& request, const std::string& queue);
    /// The same for the queue of the job's parent, whose state a child changes.
    static void requireScopeOfParent(const Request& request, const NewJob& job);

    /// Returns the parameter {queue} of a path.
    [[nodiscard]] static Parameter parameter();

private:
    template <typename Part>
    [[nodiscard]] std::shared_ptr<Part> opened(
        const std::string& name,
        std::shared_ptr<Part> (QueueTable::*open)(const std::string&)) const;

    const std::vector<std::string> globs_;
    QueueTable& queues_;
};

}  // namespace drover::api
