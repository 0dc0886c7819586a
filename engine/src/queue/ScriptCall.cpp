#include "queue/ScriptCall.h"

#include <utility>

#include <Poco/Exception.h>

#include "redis/EmbeddedScripts.h"

namespace drover {

namespace {

/// The names that headers of scripts have for keys: mostly what stands behind "<prefix>:<queue>:".
constexpr std::pair<std::string_view, const std::string QueueKeys::*> kQueueKeys[] = {
    {"wait", &QueueKeys::wait},
    {"paused", &QueueKeys::paused},
    {"active", &QueueKeys::active},
    {"prioritized", &QueueKeys::prioritized},
    {"delayed", &QueueKeys::delayed},
    {"waiting-children", &QueueKeys::waitingChildren},
    {"completed", &QueueKeys::completed},
    {"failed", &QueueKeys::failed},
    {"id", &QueueKeys::idCounter},
    {"meta", &QueueKeys::meta},
    {"events", &QueueKeys::events},
    {"marker", &QueueKeys::marker},
    {"pc", &QueueKeys::pc},
    {"limiter", &QueueKeys::limiter},
    {"stalled", &QueueKeys::stalled},
    {"stalled-check", &QueueKeys::stalledCheck},
    {"repeat", &QueueKeys::repeat},
    {"cancel", &QueueKeys::cancel},
    {"cancels", &QueueKeys::cancels},
};

/// Keys of a single job, and what stands behind its id.
constexpr std::pair<std::string_view, const char*> kJobKeys[] = {
    {"job", ""},
    {"lock", ":lock"},
    {"logs", ":logs"},
};

const EmbeddedScript& embeddedScript(std::string_view name) {
    for (std::size_t i = 0; i < kEmbeddedScriptCount; ++i) {
        if (kEmbeddedScripts[i].name == name) {
            return kEmbeddedScripts[i];
        }
    }
    throw Poco::NotFoundException("no Lua script named " + std::string(name));
}

}  // namespace

ScriptCall::ScriptCall(std::string script) : script_(std::move(script)) {
    std::string_view names = embeddedScript(script_).keys;
    while (!names.empty()) {
        const std::size_t length = std::min(names.find(' '), names.size());
        keys_.push_back(keyNamed(script_, names.substr(0, length)));
        names.remove_prefix(std::min(length + 1, names.size()));
    }
}

ScriptCall::Key ScriptCall::keyNamed(const std::string& script, std::string_view name) {
    for (const auto& [known, member] : kQueueKeys) {
        if (known == name) {
            return {member, nullptr};
        }
    }
    for (const auto& [known, behind] : kJobKeys) {
        if (known == name) {
            return {nullptr, behind};
        }
    }
    throw Poco::NotFoundException("the header of Lua script " + script +
                                  " names an unknown key: " + std::string(name));
}

Command ScriptCall::begin(const RedisClient& redis,
                          const QueueContext& queue,
                          std::size_t arguments,
                          std::string_view job) const {
    Command command = redis.script(script_);
    command.reserve(command.args().size() + keys_.size() + arguments);
    for (const Key& key : keys_) {
        if (key.ofQueue != nullptr) {
            command.add(queue.keys().*key.ofQueue);
        } else {
            command.own(queue.keys().job(job) + key.behindJob);
        }
    }
    redis.closeKeys(command, queue.keys().meta);
    return command;
}

}  // namespace drover
