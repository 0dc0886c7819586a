#pragma once

#include <string>
#include <string_view>

#include "drover/JobOptions.h"

namespace drover {

// Each function answers with the text of an error that says what would be right; empty means fine.

/// Whether a name is the last part of a key that every queue has (`wait`, `meta`, `delayed` ...): a job with that id
/// would be stored over it.
[[nodiscard]] bool isReservedKey(std::string_view name);

/// A custom job id, by the rules of the wire: not empty, not "0", not beginning with "0:", no integer, ':' exactly
/// twice or not at all, UTF-8, and no key of the queue (nor "metrics:...", "repeat:...", "de:...", "dn:...").
[[nodiscard]] std::string customIdError(std::string_view id);

/// A queue's name: not empty, no ':', UTF-8.
[[nodiscard]] std::string queueNameError(std::string_view name);

/// A worker's name, which becomes part of a Redis client name: printable ASCII without spaces. Empty is no name.
[[nodiscard]] std::string workerNameError(std::string_view name);

/// A job id or queue name that comes from outside, over HTTP: `[A-Za-z0-9_-]{1,128}`, not all digits, no reserved key.
/// `what` begins the text: "jobId".
[[nodiscard]] std::string edgeNameError(std::string_view what, std::string_view name);

/// What BullMQ's clients refuse before they add a job: custom id, priority, jitter, deduplication and its company, the
/// removed `debounce`, two ways at once for a failed child.
[[nodiscard]] std::string optionsError(const JobOptions& opts);

}  // namespace drover
