#pragma once

namespace drover {

/// The exit codes of the process; numbers of sysexits.h.
enum class ExitCode {
    Ok = 0,
    Usage = 64,     ///< The command line is wrong.
    NotThere = 66,  ///< The subject of the command is missing, or not in the state that it needs.
    Unavailable =
        69,  ///< A server did not answer within startup.timeoutMs; `drover health`: not fit for work.
    Internal = 70,  ///< A fault of the program.
    Config = 78     ///< The configuration is wrong, or a plugin was refused.
};

}  // namespace drover
