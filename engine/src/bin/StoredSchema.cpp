#include "bin/SchemaLibrary.h"
#include "drover/Export.h"
#include "store/Migrations.h"
#include "store/Pruning.h"

namespace drover {

namespace {

using store::Migrations;

const char* nameOf(Migrations::State state) {
    switch (state) {
        case Migrations::State::Pending:
            return "pending";
        case Migrations::State::Applied:
            return "applied";
        case Migrations::State::Edited:
            return "edited";
        case Migrations::State::Missing:
            break;
    }
    return "missing";
}

/// How many rows one statement removes: some tenths of a second.
constexpr std::int64_t kRowsPerBatch = 10000;

store::SessionSettings settingsOf(const cli::DatabaseSchema::Source& source) {
    store::SessionSettings settings;
    settings.url = store::DatabaseUrl::parse(source.url, source.statements);
    settings.applicationName = "drover db";
    // A change of the schema may rewrite a table, and a person watches this command.
    settings.statementTimeout = std::chrono::milliseconds(0);
    return settings;
}

Migrations migrationsOf(const cli::DatabaseSchema::Source& source) {
    return {settingsOf(source), source.folder};
}

/// The changes of a schema in PostgreSQL, by drover::store.
class StoredSchema : public cli::DatabaseSchema {
public:
    [[nodiscard]] std::vector<std::string> migrate(const Source& source) const override {
        return migrationsOf(source).migrate();
    }

    [[nodiscard]] std::vector<Change> status(const Source& source) const override {
        std::vector<Change> changes;
        for (const Migrations::Entry& entry : migrationsOf(source).status()) {
            changes.push_back({entry.version, entry.name, nameOf(entry.state), entry.appliedAt});
        }
        return changes;
    }

    [[nodiscard]] std::vector<Pruned> prune(
        const Source& source,
        std::chrono::seconds olderThan,
        const std::function<void(std::int64_t rows)>& onBatch) const override {
        store::Session session(settingsOf(source));
        std::vector<Pruned> pruned;
        for (store::Pruned& one : store::prune(session, olderThan, kRowsPerBatch, onBatch)) {
            pruned.push_back({std::move(one.function), one.rows});
        }
        return pruned;
    }
};

}  // namespace

}  // namespace drover

extern "C" DROVER_API const drover::cli::DatabaseSchema* drover_stored_schema();
extern "C" DROVER_API const drover::cli::DatabaseSchema* drover_stored_schema() {
    static const drover::StoredSchema kSchema;
    return &kSchema;
}
