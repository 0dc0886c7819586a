#include "bin/StoredSchema.h"

#include "store/Migrations.h"

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

Migrations migrationsOf(const cli::DatabaseSchema::Source& source) {
    store::SessionSettings settings;
    settings.url = store::DatabaseUrl::parse(source.url);
    settings.applicationName = "drover db";
    // A change of the schema may rewrite a table, and a person watches this command.
    settings.statementTimeout = std::chrono::milliseconds(0);
    return {settings, source.folder};
}

}  // namespace

std::vector<std::string> StoredSchema::migrate(const Source& source) const {
    return migrationsOf(source).migrate();
}

std::vector<cli::DatabaseSchema::Change> StoredSchema::status(const Source& source) const {
    std::vector<Change> changes;
    for (const Migrations::Entry& entry : migrationsOf(source).status()) {
        changes.push_back({entry.version, entry.name, nameOf(entry.state), entry.appliedAt});
    }
    return changes;
}

}  // namespace drover
