#include "drover/Backoff.h"

#include <algorithm>
#include <cmath>
#include <cstdint>

#include <Poco/Exception.h>

namespace drover {

namespace {

/// The largest integer that every client reads exactly; JavaScript's Number.MAX_SAFE_INTEGER.
constexpr double kLongest = 9007199254740991.0;

/// A value halved this often is 0.
constexpr int kFewest = -2000;

}  // namespace

std::chrono::milliseconds Backoff::delayAfter(int attemptsMade, double random) const {
    if (!isBuiltIn()) {
        throw Poco::InvalidArgumentException(
            "Unknown backoff strategy " + type +
            ": \"fixed\" and \"exponential\" are built in, another one is the handler's to offer");
    }
    // Doubles, as in BullMQ: both engines must come to the same delay for the same draw.
    double longest = static_cast<double>(delay.count());
    if (type == "exponential") {
        longest = std::round(std::ldexp(longest, std::max(attemptsMade, kFewest) - 1));
    }
    longest = std::clamp(longest, -kLongest, kLongest);
    if (jitter > 0) {
        // A stored jitter above 1 comes from clients that do not check it; it must not lead into the past.
        const double share = std::min(jitter, 1.0);
        longest = std::floor(random * longest * share + longest * (1 - share));
    }
    return std::chrono::milliseconds{static_cast<std::int64_t>(longest)};
}

}  // namespace drover
