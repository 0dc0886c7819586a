#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace drover::cli {

/// The numbered changes of a database's schema, for `drover db`.
///
/// libdrover.so does not contain the store, so that no process needs PostgreSQL for it: the binary implements the changes.
class DatabaseSchema {
public:
    struct Source {
        std::string url;                  ///< The value of database.url; has a password.
        std::string folder;               ///< The folder of the numbered .sql files.
        std::string statements = "auto";  ///< The value of database.statements.
    };

    struct Change {
        int version = 0;
        std::string name;                      ///< "0001_reservation".
        std::string state;                     ///< "pending", "applied", "edited" or "missing".
        std::optional<std::string> appliedAt;  ///< ISO 8601, UTC.
    };

    virtual ~DatabaseSchema() = default;

    /// Applies pending changes and returns their names, in order. Throws ConfigException if the URL or the folder has an
    /// error, StoreException if the database refuses, Unavailable if it is away.
    [[nodiscard]] virtual std::vector<std::string> migrate(const Source& source) const = 0;
    /// Returns every change of the folder or of the database, by number. Throws as migrate().
    [[nodiscard]] virtual std::vector<Change> status(const Source& source) const = 0;

    struct Pruned {
        std::string function;  ///< "prune_reservation_outcomes".
        std::int64_t rows = 0;
    };
    /// Removes rows that are older, by every function of the schema that can. `onBatch` gets the rows so far.
    /// Throws as migrate().
    [[nodiscard]] virtual std::vector<Pruned> prune(
        const Source& source,
        std::chrono::seconds olderThan,
        const std::function<void(std::int64_t rows)>& onBatch) const = 0;
};

}  // namespace drover::cli
