#pragma once

#include <chrono>

namespace drover::test {

/// How long a test waits for an event before it fails: a busy machine, not the code, sets it.
inline constexpr std::chrono::milliseconds kPatience{60'000};

/// The bound of what must not wait. Whatever it must not wait for takes at least a minute in such a test, so that a busy
/// machine is never mistaken for a wait.
inline constexpr std::chrono::milliseconds kAtOnce{20'000};

}  // namespace drover::test
