#pragma once

#include <string>
#include <vector>

#include "cli/DatabaseSchema.h"

namespace drover::test {

/// Two changes of a schema, one of them applied, without a database.
class FakeSchema : public cli::DatabaseSchema {
public:
    [[nodiscard]] std::vector<std::string> migrate(const Source& source) const override {
        source_ = source;
        return {"0002_second"};
    }
    [[nodiscard]] std::vector<Change> status(const Source& source) const override {
        source_ = source;
        return {{1, "0001_first", "applied", "2026-01-02T03:04:05Z"},
                {2, "0002_second", "pending", {}}};
    }

    [[nodiscard]] std::vector<Pruned> prune(
        const Source& source,
        std::chrono::seconds olderThan,
        const std::function<void(std::int64_t rows)>& onBatch) const override {
        source_ = source;
        onBatch(7);
        return {{"prune_after_" + std::to_string(olderThan.count()), 7}};
    }

    /// Returns the source of the last call.
    [[nodiscard]] const Source& source() const { return source_; }

private:
    mutable Source source_;
};

}  // namespace drover::test
