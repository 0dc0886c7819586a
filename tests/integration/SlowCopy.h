#pragma once

#include <chrono>
#include <fstream>
#include <string>
#include <thread>

namespace drover::test {

/// Writes a file in ten steps, 60 ms apart. Returns true if no pause was so long (200 ms, on a busy machine) that the
/// file could pass for complete in between.
inline bool copiedSteadily(const std::string& path, const std::string& bytes) {
    using Clock = std::chrono::steady_clock;
    std::ofstream target(path, std::ios::binary);
    const std::size_t step = bytes.size() / 10 + 1;
    auto last = Clock::now();
    bool steady = true;
    for (std::size_t at = 0; at < bytes.size(); at += step) {
        target << bytes.substr(at, step) << std::flush;
        steady = steady && Clock::now() - last < std::chrono::milliseconds(200);
        last = Clock::now();
        std::this_thread::sleep_for(std::chrono::milliseconds(60));  // The pace of a slow copy.
    }
    return steady;
}

}  // namespace drover::test
