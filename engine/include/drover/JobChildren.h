#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace drover {

/// The children of a job, by what became of them. A key is "<prefix>:<queue>:<id>".
///
/// Wire: docs/wire-format.md#flows. Source: BullMQ `job.getDependencies()`.
struct JobChildren {
    using Values = std::vector<std::pair<std::string, std::string>>;

    Values processed;  ///< Key of a child that completed, and its result (JSON).
    std::vector<std::string> unprocessed;  ///< Keys of children that the job waits for.
    Values ignored;                   ///< Key of a child whose failure was ignored, and its reason.
    std::vector<std::string> failed;  ///< Keys of children that fail the job.
};

/// How many children of each kind a job has.
struct ChildCounts {
    std::int64_t processed = 0, unprocessed = 0, ignored = 0, failed = 0;
};

/// A page of one kind of children.
struct ChildPage {
    std::uint64_t cursor =
        0;  ///< 0: the first page; else the cursor that the page before returned.
    /// At least 1. A page of Redis may have more, since small collections come whole, or fewer.
    std::int64_t count = 20;
};

/// The pages that a read demands; a kind without one is left out.
struct ChildPages {
    std::optional<ChildPage> processed, unprocessed, ignored, failed;
};

/// Pages of children, with the cursor of the next page of each kind that was demanded: 0 after the last one.
///
/// A child that ends between two pages may be missing in both or be in both, as with Redis's SCAN.
struct ChildrenPage {
    JobChildren children;
    std::uint64_t nextProcessed = 0, nextUnprocessed = 0, nextIgnored = 0, nextFailed = 0;
};

}  // namespace drover
