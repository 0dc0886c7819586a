#pragma once

#include <functional>
#include <vector>

#include "config/Configuration.h"
#include "process/Component.h"

namespace drover {

/// Holds the configuration in force, and replaces it in all components or in none.
///
/// A fresh configuration is checked, every component prepares for it, and only if none refuses do they change over. A
/// refusal is logged, a line for each problem; so is each key that has changed.
/// Threads: one, but for the callback's own rules.
class Reloader {
public:
    /// In the order of their start.
    using Components = std::vector<Component*>;

    /// Calls `adopted` with each configuration that comes into force, before the components change over.
    Reloader(Configuration config, std::function<void(const Configuration&)> adopted);

    [[nodiscard]] const Configuration& inForce() const { return config_; }

    /// Reads the sources again and adopts what they hold.
    void reload(const Components& components);
    /// The same if the files have just these texts; otherwise returns false.
    [[nodiscard]] bool reload(const FileTexts& texts, const Components& components);
    /// Adopts a change that a component proposes, or reports the refusal to it.
    void consider(Proposal& proposal, const Components& components);

private:
    void check(Configuration fresh, const Components& components);
    /// Throws what a component throws that refuses; then nothing has changed.
    void adopt(Configuration fresh, const Components& components);

    Configuration config_;
    std::function<void(const Configuration&)> adopted_;
};

}  // namespace drover
