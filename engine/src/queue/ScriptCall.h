#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "queue/QueueContext.h"
#include "redis/RedisClient.h"

namespace drover {

/// Calls a script of engine/lua with its keys in the order of its header.
///
/// Made once per script: the names of the header are looked up then, and a call copies references alone.
/// Threads: immutable.
class ScriptCall {
public:
    /// Throws Poco::NotFoundException if there is no such script, or if its header names a key that no queue has.
    explicit ScriptCall(std::string script);

    /// Returns a call up to its keys, with room for `arguments` more. It refers to the keys of `queue`.
    /// `job`: the id for keys of a single job ("job", "lock", "logs"); empty for scripts without such keys.
    [[nodiscard]] Command begin(const RedisClient& redis,
                                const QueueContext& queue,
                                std::size_t arguments,
                                std::string_view job = {}) const;

private:
    struct Key {
        const std::string QueueKeys::*ofQueue;  ///< nullptr: a key of the job.
        const char* behindJob;                  ///< ":lock".
    };
    static Key keyNamed(const std::string& script, std::string_view name);

    std::string script_;
    std::vector<Key> keys_;
};

}  // namespace drover
