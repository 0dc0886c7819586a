#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <utility>

namespace drover::test {

/// One operation with all of its arguments. It reads the rest from the model when it acts, so that it may act in another course
/// of operations than that for which it was drawn.
struct Step {
    std::string text;
    std::int64_t at = 0;  ///< When it happens, by the clocks of both clients.
    bool byDrover = false;
    /// Does the operation on Redis and returns its result.
    std::function<std::string()> act;
    /// Does the same in the model, after `act`, and returns the result.
    std::function<std::string(std::int64_t now)> follow;
    /// Returns true if the contract covers the operation in the present state. Null: always.
    std::function<bool()> applies;
    /// The order of the events, and of jobs that come to `wait`, is Redis's own.
    bool anyOrder = false;

    Step when(std::function<bool()> condition) && {
        applies = std::move(condition);
        return std::move(*this);
    }
    Step inAnyOrder() && {
        anyOrder = true;
        return std::move(*this);
    }
};

}  // namespace drover::test
