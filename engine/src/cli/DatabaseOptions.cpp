#include "cli/DatabaseOptions.h"

#include "cli/ConfigOptions.h"
#include "drover/Exceptions.h"

namespace drover::cli {

namespace {

constexpr Option kSchema{"schema", "FOLDER", "the numbered .sql files; default: ./schema"};

}  // namespace

std::vector<Option> databaseOptions() {
    return configOptions({kSchema, options::kJson});
}

DatabaseSchema::Source databaseSource(const Invocation& call) {
    const Configuration config(configSources(call));
    const auto url = config.find("database.url");
    if (!url || url->text.empty()) {
        throw ConfigException(
            "database.url (environment DATABASE_URL): is required; "
            "postgresql://user:password@host:port/database");
    }
    const std::string folder = call.line.value(kSchema);
    const auto statements = config.find("database.statements");
    return {url->text,
            folder.empty() ? "schema" : folder,
            statements ? statements->text : std::string("auto")};
}

}  // namespace drover::cli
