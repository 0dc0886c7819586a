#pragma once

#include <map>
#include <optional>
#include <string>

#include "config/ConfigValue.h"

namespace drover {

class Configuration;

/// A key that needs a restart: the value in force, and the value that its sources give by now. std::nullopt: none.
struct DeferredValue {
    std::optional<ConfigValue> inForce, said;
};
using DeferredValues = std::map<std::string, DeferredValue>;

/// The rule for changes that wait for a restart: which keys of a fresh configuration stay at the values in force.
///
/// Those are the keys that HUP does not reload and that both configurations have, of queues whose alias both have.
/// The references must outlive it.
class RestartKeys {
public:
    /// `loaded`: a plugin that comes with `fresh`; empty: none. Its own keys do not wait, and neither do suggestions and
    /// the file that it brings for the workers of its queues, unless it was there before.
    RestartKeys(const Configuration& fresh, const Configuration& inForce, std::string loaded);

    /// Returns every key whose value waits, with both values.
    [[nodiscard]] DeferredValues deferred() const;

private:
    [[nodiscard]] bool waits(const std::string& key) const;
    [[nodiscard]] bool isBrought(const std::string& key) const;

    const Configuration& fresh_;
    const Configuration& inForce_;
    const std::string loaded_;
};

}  // namespace drover
