#pragma once

#include <string>
#include <string_view>

#include "auth/TokenTable.h"

namespace drover::api {

/// Parses the text of a token file: a line per token as AccessToken has it, empty lines, and lines that begin with '#'.
/// `path` stands in messages. Throws ConfigException, naming file, line and the cure, for a malformed line, a name or a
/// digest that stands there twice, and a text without any token.
[[nodiscard]] TokenTable parseTokenFile(std::string_view text, const std::string& path);

/// Reads the file of `api.tokens.file`, at most 1 MiB.
///
/// A writer of the file can let every client in: it must be a regular file of root or of this process's user, which only
/// they, and a group that is the process's own, may write. The opened file is checked, not its path: in a folder that
/// others can write, another file would have another owner.
/// Throws ConfigException, as parseTokenFile() and for a file that cannot be read or trusted.
[[nodiscard]] TokenTable readTokenFile(const std::string& path);

}  // namespace drover::api
