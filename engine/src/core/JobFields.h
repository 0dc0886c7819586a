#pragma once

#include <string>

#include "core/ClaimedJob.h"
#include "core/Log.h"

namespace drover {

class RunningJob;

/// Returns the queue's own name: "mail" of "bull:mail". A queue's name has no colon, a prefix may have one.
[[nodiscard]] std::string queueNameOf(const std::string& qualifiedName);

/// Returns the fields of log lines about a claimed job. Other clients choose a job's name: see oneLine().
[[nodiscard]] LogFields fieldsOf(const ClaimedJob& job);
/// Returns these fields and the worker's name.
[[nodiscard]] LogFields fieldsOf(const RunningJob& job);

/// Returns the text in one line of at most 300 bytes, without half a character at its end.
[[nodiscard]] std::string oneLine(std::string text);

}  // namespace drover
