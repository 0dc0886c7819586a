#pragma once

#include "cli/Command.h"
#include "config/Configuration.h"
#include "control/ControlClient.h"

namespace drover::cli {

namespace options {

inline constexpr Option kSocket{"socket", "PATH", "the control socket of the process"};

}  // namespace options

/// Returns a client of the process that the command is about: --socket, control.socket, or the only process of this user
/// that answers in the runtime folders.
/// Throws UsageException if several processes answer or control.socket is off, Poco::IOException if none answers.
[[nodiscard]] ControlClient runningProcess(const Invocation& call, const Configuration& config);

}  // namespace drover::cli
