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

/// What a file says, and what is wrong with it ("file:line: sentence"). Reading goes on after a problem, so that all of
/// them are reported at once.
struct FileContents {
    std::vector<FileEntry> entries;
    std::vector<std::string> problems;
};

/// Parses the .properties format as java.util.Properties reads it: # and ! comments, '=' or ':', backslash escapes, \uXXXX
/// among them, lines continued by a backslash, without the blanks that the next one begins with. The text is UTF-8, blanks
/// at the end of a value are cut off, and keys have no escapes. `${}` is not expanded.
///
/// Stricter than Java in what is a typing error: a line without '=' or ':', an empty key, a key given twice in one file,
/// bytes that are not UTF-8, an invisible character at the end of a key or a value.
[[nodiscard]] FileContents parseProperties(const std::string& text, const std::string& name);

/// Parses a .env file as dotenv does: KEY=VALUE, `export KEY=VALUE`, # comments (after a value too, if a blank is before
/// them), values in 'single quotes' or `backticks` (taken as they are) or "double quotes" (\n, \t, \r, \", \\ and \$ are
/// escapes), which may have several lines. Nothing is expanded; the last one of equal keys counts. A name alone, which dotenv
/// passes over, is a problem.
[[nodiscard]] FileContents parseEnvFile(const std::string& text, const std::string& name);

/// The whole file; throws ConfigException naming it and the system's reason.
[[nodiscard]] std::string readWholeFile(const std::string& path);

}  // namespace drover
