#include "cli/DatabaseSchema.h"

#include "cli/ConfigOptions.h"
#include "drover/Exceptions.h"

namespace drover::cli {

namespace {

constexpr Option kSchema{"schema", "FOLDER", "the numbered .sql files; default: ./schema"};

}  // namespace

std::vector<Option> databaseOptions() {
    return configOptions({kSchema, options::kJson});
}

store::Migrations migrationsOf(const Invocation& call) {
    const Configuration config(configSources(call));
    const auto url = config.find("database.url");
    if (!url || url->text.empty()) {
        throw ConfigException(
            "database.url (environment DATABASE_URL): is required; "
            "postgresql://user:password@host:port/database");
    }
    store::SessionSettings settings;
    settings.url = store::DatabaseUrl::parse(url->text);
    settings.applicationName = "drover db";
    // A change of the schema may rewrite a table, and a person watches this command.
    settings.statementTimeout = std::chrono::milliseconds(0);
    const std::string folder = call.line.value(kSchema);
    return {settings, folder.empty() ? "schema" : folder};
}

}  // namespace drover::cli
