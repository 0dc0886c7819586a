#include <memory>
#include <vector>

#include "cli/Command.h"
#include "cli/DatabaseOptions.h"
#include "cli/Operated.h"
#include "cli/Table.h"

namespace drover::cli {

namespace {

constexpr Option kOlderThan{
    "older-than", "TIME", "the age from which rows go, at least 1h: 12h, 30d; required"};
constexpr std::int64_t kLeastMs = 3600000;

std::vector<Option> optionsOfPrune() {
    std::vector<Option> all = databaseOptions();
    all.insert(all.begin(), {kOlderThan, options::kYes});
    return all;
}

/// `drover db prune`. NotThere: the schema has nothing to prune. Throws UsageException, ConfigException, StoreException and
/// Unavailable.
class DbPrune : public Command {
public:
    DbPrune()
        : Command({"db prune",
                   "removes old rows that the application needs no longer",
                   optionsOfPrune(),
                   "",
                   "It calls each function prune_...(interval, bigint) of the schema until that "
                   "finds no more rows: of the "
                   "reservations\nthe outcomes of requests. Rows must live longer than their jobs "
                   "can be delivered again. "
                   "Exit code 66: the\nschema has no such function.\n"}) {}

    [[nodiscard]] ExitCode run(const Invocation& call) const override {
        const std::string time = call.line.value(kOlderThan);
        if (time.empty()) {
            throw UsageException("db prune needs --older-than TIME");
        }
        const std::int64_t ms = parseDuration(kOlderThan.name, time);
        if (ms < kLeastMs) {
            throw UsageException("--older-than must be at least 1h, not " + time +
                                 ": jobs may still be delivered again");
        }
        const DatabaseSchema::Source source = databaseSource(call);
        if (const ExitCode code =
                confirmed(call, "Remove the rows of requests that are older than " + time + "?");
            code != ExitCode::Ok) {
            return code;
        }
        const std::vector<DatabaseSchema::Pruned> pruned =
            call.schema.prune(source, std::chrono::seconds(ms / 1000), [&](std::int64_t rows) {
                call.terminal.progress("removed: " + std::to_string(rows) + " rows");
            });
        call.terminal.progress("");
        call.output.print(
            [&](JsonWriter& json) {
                json.beginArray();
                for (const DatabaseSchema::Pruned& one : pruned) {
                    json.beginObject();
                    json.key("function").text(one.function);
                    json.key("removed").number(one.rows);
                    json.endObject();
                }
                json.endArray();
            },
            [&](std::ostream& text) {
                for (const DatabaseSchema::Pruned& one : pruned) {
                    text << one.function << ": " << one.rows
                         << (one.rows == 1 ? " row removed\n" : " rows removed\n");
                }
                if (pruned.empty()) {
                    text << "the schema has no function prune_...(interval, bigint)\n";
                }
            });
        return pruned.empty() ? ExitCode::NotThere : ExitCode::Ok;
    }
};

}  // namespace

std::unique_ptr<Command> makeDbPrune() {
    return std::make_unique<DbPrune>();
}

}  // namespace drover::cli
