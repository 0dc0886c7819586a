#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
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
    bool keyTaken = false;  ///< Nothing is stored: the key of AddOnce belongs to another request.
    bool repeated = false;  ///< An earlier call with the key has added the tree, with the next two.
    std::string seed{};
    std::int64_t nowMs = 0;
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
