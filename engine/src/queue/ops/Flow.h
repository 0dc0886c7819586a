#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "queue/FlowRecords.h"
#include "redis/RedisClient.h"

namespace drover {

/// The answer for a tree.
struct AddedFlow {
    int code =
        0;  ///< Negative: nothing is stored, since the root cannot be added (docs/wire-format.md#codes).
    std::vector<std::size_t>
        elsewhere;  ///< Indices of jobs that exist as children of other parents, and stay there.
};

namespace ops {

/// Returns the call that adds a tree. It refers to `flow`.
[[nodiscard]] Command flowCall(const RedisClient& redis,
                               const FlowRecords& flow,
                               std::int64_t nowMs);

/// Reads the reply to flowCall(), which is not an error.
[[nodiscard]] AddedFlow addedFlow(const ReplyView& reply, const FlowRecords& flow);

}  // namespace ops

}  // namespace drover
