#pragma once

#include <csignal>

namespace drover {

/// Makes the process independent of its launcher's state (docs/pitfalls.md#u2): the signals of `blocked` are blocked
/// and no others, none is ignored but HUP, INT and QUIT (by nohup, or in the background of a script, which is meant),
/// descriptors 0, 1 and 2 are open, soft limits of descriptors, CPU time and stack are raised to the hard ones, and
/// threads get a stack of at least 2 MiB. A peer or a pipe that closes, and a file that reaches its size limit, are
/// error codes from here on, not the end of the process (docs/pitfalls.md#h3). The first thing that main does; there
/// are no other threads.
void resetInherited(const sigset_t& blocked);

}  // namespace drover
