#pragma once

namespace drover {

/// The exit codes of the process; numbers of sysexits.h.
enum class ExitCode {
    Ok = 0,
    Unconfirmed = 2,  ///< The command destroys, and was not confirmed.
    Usage = 64,       ///< The command line is wrong.
    Faulty = 65,      ///< `drover queue doctor` found faults that are still there.
    NotThere = 66,    ///< The subject of the command is missing, or not in the state that it needs.
    Unavailable =
        69,  ///< A server did not answer within startup.timeoutMs; `drover health`: not fit for work.
    Internal = 70,  ///< A fault of the program.
    Config = 78     ///< The configuration is wrong, or a plugin was refused.
};

}  // namespace drover
