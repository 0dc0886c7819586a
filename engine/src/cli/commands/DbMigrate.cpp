#include <memory>

#include "cli/Command.h"
#include "cli/DatabaseOptions.h"

namespace drover::cli {

namespace {

/// `drover db migrate`. Throws ConfigException, StoreException and Unavailable.
class DbMigrate : public Command {
public:
    DbMigrate()
        : Command({"db migrate", "brings the database's schema up to date", databaseOptions()}) {}

    [[nodiscard]] ExitCode run(const Invocation& call) const override {
        const std::vector<std::string> names = call.schema.migrate(databaseSource(call));
        call.output.print(
            [&](JsonWriter& json) {
                json.beginObject();
                json.key("applied").texts(names);
                json.endObject();
            },
            [&](std::ostream& text) {
                for (const std::string& name : names) {
                    text << "applied " << name << '\n';
                }
                if (names.empty()) {
                    text << "the schema is up to date\n";
                }
            });
        return ExitCode::Ok;
    }
};

}  // namespace

std::unique_ptr<Command> makeDbMigrate() {
    return std::make_unique<DbMigrate>();
}

}  // namespace drover::cli
