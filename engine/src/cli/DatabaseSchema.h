#pragma once

#include <vector>

#include "cli/Command.h"
#include "store/Migrations.h"

namespace drover::cli {

/// Returns the options of the commands on the database's schema.
[[nodiscard]] std::vector<Option> databaseOptions();

/// Returns the changes in the folder of --schema, for the database of database.url.
/// Throws ConfigException if the URL is missing or the folder has an error.
[[nodiscard]] store::Migrations migrationsOf(const Invocation& call);

}  // namespace drover::cli
