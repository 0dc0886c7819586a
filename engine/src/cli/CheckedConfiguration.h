#pragma once

#include <string>
#include <vector>

#include "config/Configuration.h"
#include "config/PluginDeclaration.h"

namespace drover::cli {

/// Opens the plugins that plugins.load names and declares their keys. Returns a sentence for each that cannot be opened.
[[nodiscard]] std::vector<std::string> declareLoaded(Configuration& config, PluginCatalog& plugins);

/// Opens also the plugins that other roles load, so that their keys are checked as well. Returns a sentence for each
/// plugin whose keys stay unchecked.
[[nodiscard]] std::vector<std::string> declareUnloaded(Configuration& config,
                                                       PluginCatalog& plugins);

/// Declares the keys of the plugins that plugins.load names and checks all of `config`. Throws ConfigException with every
/// problem of a plugin or a key, a line each.
void requireSound(Configuration& config, PluginCatalog& plugins);

}  // namespace drover::cli
