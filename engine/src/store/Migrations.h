#pragma once

#include <optional>
#include <string>
#include <vector>

#include "store/Session.h"

namespace drover::store {

/// The numbered changes of a schema: `NNNN_name.up.sql` with `NNNN_name.down.sql` in one folder, applied in order and
/// recorded in the table schema_migrations of the URL's schema.
///
/// Each change runs in a transaction of its own, together with its record; one process at a time, by an advisory lock that
/// the transaction holds. Works behind a pooler as well.
/// Released files are never edited: the SHA-256 of an applied up file is compared before anything runs.
/// Threads: one.
class Migrations {
public:
    enum class State {
        Pending,  ///< A file that was not applied.
        Applied,
        Edited,  ///< Applied, but the file has another text now.
        Missing  ///< Applied, but the file is missing.
    };

    struct Entry {
        int version = 0;
        std::string name;  ///< "0001_reservation".
        State state = State::Pending;
        std::optional<std::string> appliedAt;  ///< ISO 8601, UTC.
    };

    /// Reads the folder. Throws ConfigException, naming the file, for a file name of another form, two files with one
    /// number, an up without a down or the reverse, and an empty or missing folder.
    Migrations(SessionSettings settings, const std::string& folder);

    /// Returns every change of the folder or of the database, by number. Writes nothing.
    [[nodiscard]] std::vector<Entry> status() const;

    /// Applies pending changes, makes the URL's schema if need be, and returns the names applied, in order.
    /// Throws StoreException, naming folder and database, if an applied change is edited or missing, or if a pending one
    /// has a lower number than an applied one: then nothing is applied. A change that fails leaves those before it
    /// applied. Unavailable, SqlError: as Session.
    std::vector<std::string> migrate() const;

    /// Runs the down file of the newest applied change and returns its name; std::nullopt if none is applied.
    std::optional<std::string> revertLast() const;

private:
    struct File {
        int version = 0;
        std::string name, up, down, checksum;
    };
    struct Record {
        int version = 0;
        std::string name, checksum, appliedAt;
    };

    /// Applies the lowest pending change in a transaction of its own; std::nullopt: none is pending.
    std::optional<std::string> applyNext(Session& session) const;
    [[nodiscard]] File readPair(int version, const std::string& name) const;
    [[nodiscard]] std::vector<Record> records(Session& session) const;
    [[nodiscard]] std::vector<Entry> compare(const std::vector<Record>& records) const;
    /// Throws if one of `entries` forbids further steps.
    void requireSound(const std::vector<Entry>& entries) const;
    [[nodiscard]] const File* find(int version) const;
    void prepareDatabase(Session& session) const;

    SessionSettings settings_;
    std::string folder_;
    std::vector<File> files_;  ///< By version.
};

}  // namespace drover::store
