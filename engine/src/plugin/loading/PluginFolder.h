#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace drover {

/// The identity of a file, which differs from that of an earlier file at its path.
struct FileIdentity {
    std::uint64_t device = 0, inode = 0, size = 0;
    std::int64_t modifiedNs = 0;
    std::uint32_t mode = 0, user = 0, group = 0;  ///< For requireTrusted().

    bool operator==(const FileIdentity&) const = default;
};

/// A plugin file by its name ("echo" is echo.so).
struct PluginFile {
    std::string name;
    std::string path;
    FileIdentity identity;
    FileIdentity properties;  ///< The <name>.properties beside it; none: as made by default.
};

/// The plugin files of a folder, sorted by name.
struct PluginFiles {
    std::vector<PluginFile> files;
    std::string error;  ///< Why some files may be missing here; empty: none is.
};

/// The plugin files of a folder, and which of them are finished: a file that is still being copied does not count.
/// Threads: one at a time.
class PluginFolder {
public:
    using Clock = std::chrono::steady_clock;

    explicit PluginFolder(std::string path) : path_(std::move(path)) {}

    [[nodiscard]] const std::string& path() const { return path_; }
    /// Every *.so with a plugin's name. A folder that does not exist has none.
    [[nodiscard]] PluginFiles files() const;
    /// Returns true if neither the file nor the properties beside it have changed for a while. Called again and again, with
    /// the same `now` for all files.
    [[nodiscard]] bool settled(const PluginFile& file, Clock::time_point now);

private:
    struct Seen {
        FileIdentity identity, properties;
        Clock::time_point since;
    };

    std::string path_;
    std::map<std::string, Seen> seen_;
};

}  // namespace drover
