#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/HandlerType.h"

namespace drover {

/// The handlers of each queue.
///
/// A handler's default queue is an alias of the configuration or else a queue's own name; the resolver, which has the
/// configuration, decides. Immutable: a change of plugins makes a new one.
/// Threads: every method may be called from any thread.
class HandlerRegistry {
public:
    using Types = std::vector<std::shared_ptr<HandlerType>>;
    /// From a handler's default queue to the name that identifies the queue (the alias or the name on the wire).
    using QueueResolver = std::function<std::string(const std::string& defaultQueue)>;

    HandlerRegistry() = default;
    /// Throws PluginException, naming queue, job name and both handlers, if two handlers claim the same job name in one
    /// queue, or if two of them serve every name there.
    HandlerRegistry(const Types& types, const QueueResolver& resolve);

    /// Returns every queue with a handler, sorted.
    [[nodiscard]] std::vector<std::string> queues() const;
    /// Returns the handlers of a queue, in the order they were given; empty if there are none.
    [[nodiscard]] const Types& handlersOf(const std::string& queue) const;

private:
    std::map<std::string, Types> byQueue_;
    Types none_;
};

}  // namespace drover
