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

/// Requests that the process changes its state, waits until its health shows `state`, and returns {"pid", "state"}.
/// Throws Unavailable if no process answers, or if it does not change within 10 s.
[[nodiscard]] std::string changeState(const ControlClient& process,
                                      const std::string& command,
                                      const std::string& state);

}  // namespace drover::cli
