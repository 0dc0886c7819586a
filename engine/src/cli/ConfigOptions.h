#pragma once

#include <vector>

#include "cli/Command.h"
#include "config/Configuration.h"

namespace drover::cli {

namespace options {

inline constexpr Option kConfig{
    "config", "FILE", "reads a .properties file; repeatable, the later file wins"};
inline constexpr Option kSet{
    "set", "KEY=VALUE", "sets one key, over environment and files; repeatable"};
inline constexpr Option kEnvFile{
    "env-file", "FILE", "reads KEY=VALUE lines as environment; the real one wins"};

}  // namespace options

/// Returns the options of a command that reads the configuration, and `more`.
[[nodiscard]] inline std::vector<Option> configOptions(const std::vector<Option>& more = {}) {
    std::vector<Option> all = {options::kConfig, options::kSet, options::kEnvFile};
    all.insert(all.end(), more.begin(), more.end());
    return all;
}

/// Returns the sources of the configuration that those options and the environment name.
[[nodiscard]] inline ConfigSources configSources(const Invocation& call) {
    return {call.line.values(options::kConfig),
            call.line.value(options::kEnvFile),
            call.line.values(options::kSet),
            call.environment};
}

}  // namespace drover::cli
