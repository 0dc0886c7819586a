#pragma once

#include <string>

namespace drover {

/// Returns true if keys that begin with `section` and a dot are the engine's, so that no plugin may have that name.
[[nodiscard]] bool isEngineSection(const std::string& section);

/// Returns the plugin that a key belongs to: "echo" of "echo.delayMs"; empty: the engine.
[[nodiscard]] std::string pluginOf(const std::string& key);

/// Returns "reservation" of "queue.reservation.threads"; empty if `key` does not belong to a queue.
[[nodiscard]] std::string aliasOf(const std::string& key);

/// Returns "threads" of "queue.reservation.threads"; `key` belongs to a queue.
[[nodiscard]] std::string settingOf(const std::string& key);

/// Returns "queue.<alias>.<setting>".
[[nodiscard]] std::string queueKey(const std::string& alias, const std::string& setting);

/// Returns "worker.defaults.<setting>".
[[nodiscard]] std::string defaultsKey(const std::string& setting);

}  // namespace drover
