#pragma once

#include <csignal>

namespace drover {

/// Makes the process independent of its launcher's state (docs/pitfalls.md#u2): just the signals of `blocked` are
/// blocked. None is ignored but HUP, INT and QUIT (by nohup, or in the background of a script, which is meant).
/// Descriptors 0, 1 and 2 are open. Soft limits of descriptors, CPU time and stack are raised to the hard ones, and
/// threads get a stack of at least 2 MiB. A peer or a pipe that closes, and a file that reaches its size limit, are
/// error codes from here on, not the end of the process (docs/pitfalls.md#h3). Call it first in main, before any
/// other thread exists.
void resetInherited(const sigset_t& blocked);

}  // namespace drover
