#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "store/Session.h"

namespace drover::store {

/// The rows that one function of a schema has removed.
struct Pruned {
    std::string function;  ///< "prune_reservation_outcomes".
    std::int64_t rows = 0;
};

/// Removes old rows by the functions `prune_…(interval, bigint) RETURNS bigint` of the session's schema: each removes at most so
/// many rows that are older, and returns how many. Which rows a schema needs no longer, the schema alone decides.
///
/// Batches are statements of their own, so that an end in between loses nothing. `onBatch` gets the rows so far.
/// Throws StoreException, Unavailable.
[[nodiscard]] std::vector<Pruned> prune(Session& session,
                                        std::chrono::seconds olderThan,
                                        std::int64_t rowsPerBatch,
                                        const std::function<void(std::int64_t rows)>& onBatch);

}  // namespace drover::store
