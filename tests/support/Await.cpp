#include "support/Await.h"

#include <chrono>
#include <stdexcept>
#include <thread>

#include "support/Patience.h"

namespace drover::test {

void await(const std::string& what, const std::function<bool()>& condition) {
    const auto deadline = std::chrono::steady_clock::now() + kPatience;
    std::string why;
    while (true) {
        try {
            if (condition()) {
                return;
            }
        } catch (const std::exception& e) {
            // Not up yet, or down for a moment.
            why = std::string(" (") + e.what() + ")";
        }
        if (std::chrono::steady_clock::now() > deadline) {
            throw std::runtime_error("not within the deadline: " + what + why);
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
}

}  // namespace drover::test
