#include <memory>

#include "cli/Command.h"
#include "cli/DatabaseSchema.h"

namespace drover::cli {

namespace {

using Migrations = store::Migrations;

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

void write(JsonWriter& json, const Migrations::Entry& entry) {
    json.beginObject();
    json.key("version").number(entry.version);
    json.key("name").text(entry.name);
    json.key("state").text(nameOf(entry.state));
    if (entry.appliedAt) {
        json.key("appliedAt").text(*entry.appliedAt);
    }
    json.endObject();
}

/// `drover db status`. Throws ConfigException, StoreException and Unavailable.
class DbStatus : public Command {
public:
    DbStatus() : Command({"db status", "lists the changes of the schema", databaseOptions()}) {}

    [[nodiscard]] ExitCode run(const Invocation& call) const override {
        const std::vector<Migrations::Entry> entries = migrationsOf(call).status();
        call.output.print(
            [&](JsonWriter& json) {
                json.beginArray();
                for (const Migrations::Entry& entry : entries) {
                    write(json, entry);
                }
                json.endArray();
            },
            [&](std::ostream& text) {
                for (const Migrations::Entry& entry : entries) {
                    text << nameOf(entry.state) << "  " << entry.name
                         << (entry.appliedAt ? "  " + *entry.appliedAt : "") << '\n';
                }
            });
        return ExitCode::Ok;
    }
};

}  // namespace

std::unique_ptr<Command> makeDbStatus() {
    return std::make_unique<DbStatus>();
}

}  // namespace drover::cli
