#include <memory>

#include "cli/Command.h"
#include "cli/DatabaseOptions.h"

namespace drover::cli {

namespace {

using Change = DatabaseSchema::Change;

void write(JsonWriter& json, const Change& change) {
    json.beginObject();
    json.key("version").number(change.version);
    json.key("name").text(change.name);
    json.key("state").text(change.state);
    if (change.appliedAt) {
        json.key("appliedAt").text(*change.appliedAt);
    }
    json.endObject();
}

/// `drover db status`. Throws ConfigException, StoreException and Unavailable.
class DbStatus : public Command {
public:
    DbStatus() : Command({"db status", "lists the changes of the schema", databaseOptions()}) {}

    [[nodiscard]] ExitCode run(const Invocation& call) const override {
        const std::vector<Change> changes = call.schema.status(databaseSource(call));
        call.output.print(
            [&](JsonWriter& json) {
                json.beginArray();
                for (const Change& change : changes) {
                    write(json, change);
                }
                json.endArray();
            },
            [&](std::ostream& text) {
                for (const Change& change : changes) {
                    text << change.state << "  " << change.name
                         << (change.appliedAt ? "  " + *change.appliedAt : "") << '\n';
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
