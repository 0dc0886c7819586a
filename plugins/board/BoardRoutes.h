#pragma once

#include <memory>
#include <string>
#include <vector>

#include "drover/Routes.h"

namespace drover::board {

class BoardPage;
class BoardQueues;

/// The beginning of the source of each of these routes.
inline constexpr const char* kBoardSource = "plugin board";

/// Returns the routes of the page below `path`, and below `<path>/api` those of the contract that it calls.
///
/// Reading demands the scope read, adding and running a scheduler `add:` with the queue, removing jobs destroy, all else
/// operate. A token without operate sees a board without actions.
[[nodiscard]] std::vector<Route> boardRoutes(const std::string& path,
                                             const std::shared_ptr<const BoardPage>& page,
                                             const std::shared_ptr<const BoardQueues>& queues);

}  // namespace drover::board
