#include "AdminQueues.h"

#include <algorithm>
#include <utility>

#include "drover/Routes.h"
#include "drover/Scope.h"

namespace drover::admin {

AdminQueues::AdminQueues(const std::string& globs,
                         Redis redis,
                         SettingsOf settingsOf,
                         ShardedQueues sharded)
    : redis_(std::move(redis)), settingsOf_(std::move(settingsOf)), sharded_(std::move(sharded)) {
    std::size_t at = 0;
    while (at <= globs.size()) {
        const std::size_t end = std::min(globs.find(',', at), globs.size());
        const std::size_t first = std::min(globs.find_first_not_of(" \t", at), end);
        const std::size_t last = globs.find_last_not_of(" \t", end == 0 ? 0 : end - 1);
        if (first < end) {
            globs_.push_back(globs.substr(first, last + 1 - first));
            static_cast<void>(Scope::parse("add:" + globs_.back()));  // Has the same rules.
        }
        at = end + 1;
    }
}

void AdminQueues::requireOne(const Queue::Settings& settings) {
    const std::string problem = settings.shards.problemOf(settings.name);
    if (!problem.empty()) {
        throw HttpError(400, problem);
    }
}

bool AdminQueues::has(const std::string& name) const {
    return std::any_of(globs_.begin(), globs_.end(), [&name](const std::string& glob) {
        return matchesGlob(glob, name);
    });
}

void AdminQueues::require(const std::string& name) const {
    if (!has(name)) {
        throw HttpError(404,
                        "admin.queues does not list the queue " + name + "; it has globs of names");
    }
}

}  // namespace drover::admin
