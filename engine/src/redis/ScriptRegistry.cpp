#include "redis/ScriptRegistry.h"

#include <Poco/DigestEngine.h>
#include <Poco/Exception.h>
#include <Poco/SHA1Engine.h>

#include "redis/EmbeddedScripts.h"

namespace drover {

ScriptRegistry::ScriptRegistry()
    : ScriptRegistry([](std::string_view, std::string_view text) { return std::string(text); }) {}

ScriptRegistry::ScriptRegistry(
    const std::function<std::string(std::string_view name, std::string_view text)>& rewrite) {
    for (std::size_t i = 0; i < kEmbeddedScriptCount; ++i) {
        const EmbeddedScript& source = kEmbeddedScripts[i];
        Script script;
        script.name = source.name;
        script.text = rewrite(source.name, source.text);
        script.keyCount = source.keyCount;
        Poco::SHA1Engine sha1;
        sha1.update(script.text.data(), script.text.size());
        script.sha1 = Poco::DigestEngine::digestToHex(sha1.digest());
        scripts_.emplace(script.name, std::move(script));
    }
}

const std::shared_ptr<const ScriptRegistry>& ScriptRegistry::embedded() {
    static const auto kEmbedded = std::make_shared<const ScriptRegistry>();
    return kEmbedded;
}

const Script& ScriptRegistry::get(const std::string& name) const {
    const auto found = scripts_.find(name);
    if (found == scripts_.end()) {
        throw Poco::NotFoundException("no Lua script named " + name);
    }
    return found->second;
}

const Script& ScriptRegistry::bySha1(std::string_view sha1) const {
    for (const auto& [name, script] : scripts_) {
        if (script.sha1 == sha1) {
            return script;
        }
    }
    throw Poco::NotFoundException("no Lua script with SHA-1 " + std::string(sha1));
}

}  // namespace drover
