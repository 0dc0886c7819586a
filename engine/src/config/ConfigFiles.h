#pragma once

#include <map>
#include <string>
#include <vector>

namespace drover {

/// One assignment of a file.
struct FileEntry {
    std::string key;
    std::string value;
    std::string where;  ///< "conf/producer.properties:12".
};

/// The assignments of a file, and its problems ("file:line: sentence"). Reading goes on after a problem, so that all are
/// reported at once.
struct FileContents {
    std::vector<FileEntry> entries;
    std::vector<std::string> problems;
};

/// Parses the .properties format as java.util.Properties reads it: # and ! comments, '=' or ':', backslash escapes and
/// \uXXXX. A backslash continues a line; the blanks at the beginning of the next line are left out. The text is UTF-8,
/// blanks at the end of a value are cut off, and keys have no escapes. `${}` is not expanded.
///
/// Reports typing errors that Java accepts: a line without '=' or ':', an empty key, a key given twice in one file,
/// bytes that are not UTF-8, an invisible character at the end of a key or a value.
[[nodiscard]] FileContents parseProperties(const std::string& text, const std::string& name);

/// Parses a .env file as dotenv does: KEY=VALUE, `export KEY=VALUE`, # comments (after a value too, if a blank is before
/// them), values in 'single quotes' or `backticks` (as they stand) or "double quotes" (\n, \t, \r, \", \\ and \$ are
/// escapes), which may have several lines. Nothing is expanded; the last of equal keys counts. A name alone, which dotenv
/// ignores, is a problem.
[[nodiscard]] FileContents parseEnvFile(const std::string& text, const std::string& name);

/// Returns the whole file. Throws ConfigException, naming the file and the system's reason.
[[nodiscard]] std::string readWholeFile(const std::string& path);

}  // namespace drover
