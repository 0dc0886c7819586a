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

/// Parses the .properties format as Poco::Util::PropertyFileConfiguration reads it: # and ! comments, '=' or ':',
/// backslash escapes, lines continued by a backslash, blanks around key and value cut off. `${}` is not expanded.
///
/// Stricter than Poco in four points, each of which is a typing error: a line without '=' or ':', an empty key, a key
/// given twice in one file, bytes that are not UTF-8.
[[nodiscard]] FileContents parseProperties(const std::string& text, const std::string& name);

/// Parses a .env file: KEY=VALUE, `export KEY=VALUE`, # comments (after a value too, if a blank is before them), values in
/// 'single quotes' (taken as they are) or "double quotes" (\n, \t, \r, \", \\ and \$ are escapes). Nothing is expanded;
/// the last one of equal keys counts.
[[nodiscard]] FileContents parseEnvFile(const std::string& text, const std::string& name);

/// The whole file; throws ConfigException naming it and the system's reason.
[[nodiscard]] std::string readWholeFile(const std::string& path);

}  // namespace drover
