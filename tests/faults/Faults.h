#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include "faults/Rig.h"

namespace drover::test {

/// A fault, and the promise for its time and afterwards.
struct Fault {
    std::string name;
    std::string promise;               ///< A sentence or two for docs/faults.md.
    std::function<void(Rig&)> begin;   ///< Switches it on.
    std::function<void(Rig&)> repeat;  ///< Called every `every` while it is on; may be empty.
    std::function<void(Rig&)> end;     ///< Switches it off; may be empty.
    std::chrono::milliseconds lasts{2500};
    std::chrono::milliseconds every{200};
    int times = 1;             ///< How often in a row, unless the command line has a number.
    bool twoHosts = false;     ///< The processes know two hosts of PostgreSQL.
    bool wireRepeats = false;  ///< It may send a request twice to Redis, which then has two jobs.
};

/// The name of the run of everything at once, which is not in everyFault().
inline constexpr const char* kStorm = "storm";
[[nodiscard]] std::string stormPromise();

/// Every fault, in the order of docs/faults.md.
[[nodiscard]] const std::vector<Fault>& everyFault();

}  // namespace drover::test
