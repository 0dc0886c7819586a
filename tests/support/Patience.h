#pragma once

#include <chrono>
#include <cstdint>

namespace drover::test {

/// How long a test waits for an event before it fails: a busy machine, not the code, sets it.
inline constexpr std::chrono::milliseconds kPatience{60'000};

/// The bound of what must not wait. Whatever it must not wait for takes at least a minute in such a test, so that a busy
/// machine is never mistaken for a wait.
inline constexpr std::chrono::milliseconds kAtOnce{20'000};

/// How far a stored time may be from the test's own clock, in ms: Redis's clock is known to half a round trip, which a busy
/// machine makes long.
inline constexpr std::int64_t kClockError = 2000;

}  // namespace drover::test
