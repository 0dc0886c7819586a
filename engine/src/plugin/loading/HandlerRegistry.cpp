#include "plugin/loading/HandlerRegistry.h"

#include <utility>

#include "drover/Exceptions.h"

namespace drover {

namespace {

/// Job name to the handler that claims it; the empty name, which no job has, stands for every name.
using Claims = std::map<std::string, const HandlerType*>;

void claim(Claims& claims,
           const std::string& queue,
           const std::string& jobName,
           const HandlerType& type) {
    const auto [place, isNew] = claims.emplace(jobName, &type);
    if (!isNew) {
        const std::string what =
            jobName.empty() ? "every other job name" : "the job name '" + jobName + "'";
        throw PluginException("queue '" + queue + "': " + what + " is claimed by the handler " +
                              place->second->name() + " and by the handler " + type.name() +
                              "; only one of them can be loaded for this queue");
    }
}

}  // namespace

HandlerRegistry::HandlerRegistry(const Types& types, const QueueResolver& resolve) {
    std::map<std::string, Claims> claims;
    for (const std::shared_ptr<HandlerType>& type : types) {
        const std::string queue = resolve(type->defaultQueue());
        if (type->jobNames().empty()) {
            claim(claims[queue], queue, "", *type);
        }
        for (const std::string& name : type->jobNames()) {
            claim(claims[queue], queue, name, *type);
        }
        byQueue_[queue].push_back(type);
    }
}

std::vector<std::string> HandlerRegistry::queues() const {
    std::vector<std::string> names;
    for (const auto& entry : byQueue_) {
        names.push_back(entry.first);
    }
    return names;
}

const HandlerRegistry::Types& HandlerRegistry::handlersOf(const std::string& queue) const {
    const auto found = byQueue_.find(queue);
    return found == byQueue_.end() ? none_ : found->second;
}

}  // namespace drover
