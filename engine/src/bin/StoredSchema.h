#pragma once

#include <string>
#include <vector>

#include "cli/DatabaseSchema.h"

namespace drover {

/// The changes of a schema in PostgreSQL, by drover::store.
class StoredSchema : public cli::DatabaseSchema {
public:
    [[nodiscard]] std::vector<std::string> migrate(const Source& source) const override;
    [[nodiscard]] std::vector<Change> status(const Source& source) const override;
};

}  // namespace drover
