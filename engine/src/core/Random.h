#pragma once

#include <chrono>
#include <concepts>
#include <random>

namespace drover {

/// The generator of the calling thread: for jitter and for texts that must differ, not for secrets.
inline std::minstd_rand& randomGenerator() {
    static thread_local std::minstd_rand perThread{std::random_device{}()};
    return perThread;
}

/// Returns a random number in [0, 1).
[[nodiscard]] inline double randomUnit() {
    return std::uniform_real_distribution<double>(0.0, 1.0)(randomGenerator());
}

/// Returns a random integer in [least, most].
template <std::integral Integer>
[[nodiscard]] Integer randomBetween(Integer least, Integer most) {
    return std::uniform_int_distribution<Integer>(least, most)(randomGenerator());
}

/// Returns a wait in [full / 2, full]: clients that lost the same server do not come back all at once.
[[nodiscard]] inline std::chrono::milliseconds jittered(std::chrono::milliseconds full) {
    return std::chrono::milliseconds(randomBetween(full.count() / 2, full.count()));
}

}  // namespace drover
