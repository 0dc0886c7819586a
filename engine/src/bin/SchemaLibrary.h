#pragma once

#include <string>
#include <vector>

#include "cli/DatabaseSchema.h"

namespace drover {

/// The schema of StoredSchema.cpp, which lies in a library of its own.
///
/// Only a call opens that library. PostgreSQL's client library and 20 that it needs would double the time that every other
/// process takes to start.
class SchemaLibrary : public cli::DatabaseSchema {
public:
    /// Also throws std::runtime_error if the library cannot be opened.
    [[nodiscard]] std::vector<std::string> migrate(const Source& source) const override;
    [[nodiscard]] std::vector<Change> status(const Source& source) const override;
    [[nodiscard]] std::vector<Pruned> prune(
        const Source& source,
        std::chrono::seconds olderThan,
        const std::function<void(std::int64_t rows)>& onBatch) const override;
};

/// The name and the type of the one function that the library exports. It returns a schema that lives as long as the process.
#define DROVER_SCHEMA_SYMBOL "drover_stored_schema"
using StoredSchemaFunction = const cli::DatabaseSchema* (*)();

}  // namespace drover
