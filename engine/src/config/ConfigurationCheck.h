#pragma once

#include <string>
#include <vector>

#include "config/Configuration.h"

namespace drover {

/// Looks at all values of a configuration at once, after every plugin is declared. `config` must outlive it.
class ConfigurationCheck {
public:
    explicit ConfigurationCheck(const Configuration& config) : config_(config) {}

    /// Returns every problem, a line each: place, key, value, and the cure. Empty: all is well.
    [[nodiscard]] std::vector<std::string> problems() const;
    /// Returns suspicions that are not errors: variables that look like a misspelt key, addresses of services.
    [[nodiscard]] std::vector<std::string> warnings() const;

private:
    void checkUnknown(std::vector<std::string>& problems) const;
    void checkValues(std::vector<std::string>& problems) const;
    void checkLockRenewal(std::vector<std::string>& problems) const;
    void checkSuggestions(std::vector<std::string>& problems) const;
    void checkSuggestion(const PluginDeclaration::Suggestion& suggestion,
                         const Configuration::Plugin& plugin,
                         std::vector<std::string>& problems) const;

    const Configuration& config_;
};

/// Returns "where: key = "value": expected ...", with *** for a secret's value.
[[nodiscard]] std::string describeProblem(const KeySpec& spec,
                                          const std::string& key,
                                          const ConfigValue& value);

}  // namespace drover
