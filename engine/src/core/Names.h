#pragma once

#include <string>
#include <string_view>

namespace drover {

// The rule of each kind of name, in one place. Functions that end in Error return a text that names the cure; empty: the
// name is right.

/// The form of isPluginName(), for error texts.
inline constexpr const char* kPluginNameForm = "[A-Za-z][A-Za-z0-9_-]{0,63}";

/// Returns true for the name of a plugin or of a handler: `kPluginNameForm`.
[[nodiscard]] bool isPluginName(std::string_view name);

/// Returns true for a configuration key, or the prefix of a table, as a plugin declares it: a plugin's name that may have
/// dots.
[[nodiscard]] bool isPluginKey(std::string_view name);

/// Returns true for a word that stands between two dots of a configuration key, as a queue's alias does:
/// `[A-Za-z0-9_-]+`.
[[nodiscard]] bool isAlias(std::string_view name);

/// Checks a custom job id by the rules of the wire: not empty, not "0", not beginning with "0:", not an integer, ':'
/// exactly twice or not at all, UTF-8, not a key of the queue (nor "metrics:...", "repeat:...", "de:...", "dn:...").
[[nodiscard]] std::string jobIdError(std::string_view id);

/// Checks the id of a job that may exist, whoever gave it: not empty, not a key of the queue or of Drover's own. Ids of
/// schedulers' jobs ("repeat:<scheduler>:<ms>") are right.
[[nodiscard]] std::string storedJobIdError(std::string_view id);

/// Checks the id of a job scheduler: not empty, UTF-8, without ':' and digits at the end, which the key of a job ends with.
[[nodiscard]] std::string schedulerIdError(std::string_view id);

/// Checks a queue's name on the wire: not empty, no ':', UTF-8.
[[nodiscard]] std::string queueNameError(std::string_view name);

/// Checks a worker's name, which becomes part of a Redis client name: printable ASCII without spaces. Empty: no name.
[[nodiscard]] std::string workerNameError(std::string_view name);

/// Checks the first part of every key, which begins the client names of workers: printable ASCII without spaces, not empty.
[[nodiscard]] std::string prefixError(std::string_view prefix);

}  // namespace drover
