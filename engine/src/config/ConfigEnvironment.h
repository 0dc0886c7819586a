#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "config/ConfigSchema.h"
#include "config/ConfigValue.h"

namespace drover {

/// The variables of a process, as values of configuration keys. A value: copyable, no I/O.
///
/// A key's variable is DROVER_ and the key in upper case, other characters as `_`; it wins over the names of older
/// deployments (REDIS_HOST ...). Keys of tables (api.route.*) have no variables. Variables of keys that this process
/// does not have are ignored, since one environment often serves several roles.
class ConfigEnvironment {
public:
    /// Returns DROVER_REDIS_HOST for redis.host.
    [[nodiscard]] static std::string nameOf(const std::string& key);

    /// Sets a variable; a later value wins.
    void set(const std::string& name, ConfigValue value) { variables_[name] = std::move(value); }

    /// Returns the value of a key. The address of a service, which a scheduler sets under the same name
    /// (REDIS_PORT=tcp://..., docs/pitfalls.md#r10), is not a value.
    [[nodiscard]] std::optional<ConfigValue> find(const std::string& key,
                                                  const ConfigSchema& schema) const;

    /// Adds the aliases that only variables name, in lower case: the case is lost there.
    void addAliases(std::set<std::string>& aliases) const;

    /// Returns a sentence for each address of a service that find() passes over.
    [[nodiscard]] std::vector<std::string> serviceAddresses(const std::vector<std::string>& keys,
                                                            const ConfigSchema& schema) const;
    /// Returns a sentence for each variable that looks like a misspelt one of `keys`.
    [[nodiscard]] std::vector<std::string> misspelt(const std::vector<std::string>& keys) const;

private:
    ConfigValueMap variables_;
};

}  // namespace drover
