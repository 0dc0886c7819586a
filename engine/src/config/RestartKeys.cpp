#include "config/RestartKeys.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "config/Configuration.h"
#include "config/KeyNames.h"
#include "core/QueueSettings.h"

namespace drover {

namespace {

bool hasAlias(const Configuration& config, const std::string& alias) {
    const std::vector<std::string> aliases = config.aliases();
    return std::find(aliases.begin(), aliases.end(), alias) != aliases.end();
}

bool isSame(const DeferredValue& value) {
    return value.inForce && value.said ? value.inForce->text == value.said->text
                                       : !value.inForce && !value.said;
}

}  // namespace

RestartKeys::RestartKeys(const Configuration& fresh,
                         const Configuration& inForce,
                         std::string loaded)
    : fresh_(fresh), inForce_(inForce), loaded_(std::move(loaded)) {}

DeferredValues RestartKeys::deferred() const {
    std::vector<std::string> keys = fresh_.knownKeys();
    const std::vector<std::string> before = inForce_.knownKeys();
    keys.insert(keys.end(), before.begin(), before.end());
    DeferredValues values;
    for (const std::string& key : keys) {
        if (!waits(key)) {
            continue;
        }
        DeferredValue value{inForce_.resolved(key), fresh_.resolved(key)};
        if (!isSame(value)) {
            values.emplace(key, std::move(value));
        }
    }
    return values;
}

bool RestartKeys::waits(const std::string& key) const {
    const KeySpec* const spec = fresh_.schema().find(key);
    if (spec == nullptr || spec->reloadable || inForce_.schema().find(key) == nullptr ||
        (!loaded_.empty() && spec->owner == loaded_)) {
        return false;
    }
    const std::string alias = aliasOf(key);
    return alias.empty() ||
           (hasAlias(fresh_, alias) && hasAlias(inForce_, alias) && !isBrought(key));
}

bool RestartKeys::isBrought(const std::string& key) const {
    const std::string setting = settingOf(key);
    if (inForce_.hasPlugin(loaded_) || !isWorkerSetting(setting)) {
        return false;
    }
    const std::string origin = fresh_.queueSetting(aliasOf(key), setting).origin;
    return origin.rfind("plugin " + loaded_ + "/", 0) == 0 ||
           origin.rfind(inForce_.fileBeside(loaded_) + ":", 0) == 0;
}

}  // namespace drover
