#include "cli/commands/DatabaseCommand.h"

#include <ostream>

#include "core/JsonWriter.h"
#include "drover/Exceptions.h"
#include "store/Migrations.h"

namespace drover {

namespace {

const char* nameOf(store::Migrations::State state) {
    switch (state) {
        case store::Migrations::State::Pending:
            return "pending";
        case store::Migrations::State::Applied:
            return "applied";
        case store::Migrations::State::Edited:
            return "edited";
        case store::Migrations::State::Missing:
            break;
    }
    return "missing";
}

void printStatus(const std::vector<store::Migrations::Entry>& entries,
                 bool asJson,
                 std::ostream& out) {
    if (!asJson) {
        for (const store::Migrations::Entry& entry : entries) {
            out << nameOf(entry.state) << "  " << entry.name
                << (entry.appliedAt ? "  " + *entry.appliedAt : "") << '\n';
        }
        return;
    }
    JsonWriter json;
    json.beginArray();
    for (const store::Migrations::Entry& entry : entries) {
        json.beginObject();
        json.key("version").number(entry.version);
        json.key("name").text(entry.name);
        json.key("state").text(nameOf(entry.state));
        if (entry.appliedAt) {
            json.key("appliedAt").text(*entry.appliedAt);
        }
        json.endObject();
    }
    json.endArray();
    out << json.str() << '\n';
}

void printApplied(const std::vector<std::string>& names, bool asJson, std::ostream& out) {
    if (asJson) {
        JsonWriter json;
        json.beginObject();
        json.key("applied").beginArray();
        for (const std::string& name : names) {
            json.text(name);
        }
        json.endArray();
        json.endObject();
        out << json.str() << '\n';
        return;
    }
    for (const std::string& name : names) {
        out << "applied " << name << '\n';
    }
    if (names.empty()) {
        out << "the schema is up to date\n";
    }
}

}  // namespace

ExitCode databaseCommand(const CommandLine& line, const Configuration& config, std::ostream& out) {
    const auto url = config.find("database.url");
    if (!url || url->text.empty()) {
        throw ConfigException(
            "database.url (environment DATABASE_URL): is required; "
            "postgresql://user:password@host:port/database");
    }
    store::SessionSettings settings;
    settings.url = store::DatabaseUrl::parse(url->text);
    settings.applicationName = "drover db";
    // A change of the schema may rewrite a table; whoever runs this watches it.
    settings.statementTimeout = std::chrono::milliseconds(0);
    const store::Migrations migrations(settings,
                                       line.schemaFolder.empty() ? "schema" : line.schemaFolder);
    if (line.command == "db migrate") {
        printApplied(migrations.migrate(), line.json, out);
    } else {
        printStatus(migrations.status(), line.json, out);
    }
    return ExitCode::Ok;
}

}  // namespace drover
