#pragma once

#include <vector>

#include "cli/Command.h"
#include "cli/DatabaseSchema.h"

namespace drover::cli {

/// Returns the options of the commands on the database's schema.
[[nodiscard]] std::vector<Option> databaseOptions();

/// Returns the database of database.url and the folder of --schema. Throws ConfigException if the URL is missing.
[[nodiscard]] DatabaseSchema::Source databaseSource(const Invocation& call);

}  // namespace drover::cli
