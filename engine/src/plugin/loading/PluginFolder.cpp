#include "plugin/loading/PluginFolder.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <optional>
#include <sys/stat.h>

#include "core/Names.h"

namespace drover {

namespace {

/// A copy without progress for so long counts as finished; a broken file is refused and checked again when it goes
/// on.
constexpr std::chrono::milliseconds kQuiet{300};
FileIdentity identityOf(const struct stat& status) {
    return {status.st_dev,
            status.st_ino,
            static_cast<std::uint64_t>(status.st_size),
            std::int64_t{status.st_mtim.tv_sec} * 1000000000 + status.st_mtim.tv_nsec,
            status.st_mode,
            status.st_uid,
            status.st_gid};
}

/// Returns std::nullopt if nothing is there. Any other reason goes into `error`.
std::optional<FileIdentity> identityAt(const std::string& path, std::string& error) {
    struct stat status {};
    if (::stat(path.c_str(), &status) == 0) {
        return identityOf(status);
    }
    if (errno != ENOENT) {
        error = path + ": " + std::strerror(errno);
    }
    return std::nullopt;
}

}  // namespace

PluginFiles PluginFolder::files() const {
    PluginFiles found;
    std::error_code error;
    for (std::filesystem::directory_iterator entry(path_, error), end; !error && entry != end;
         entry.increment(error)) {
        const std::filesystem::path& path = entry->path();
        if (path.extension() != ".so" || !isPluginName(path.stem().native())) {
            continue;
        }
        const auto identity = identityAt(path, found.error);
        if (!identity) {
            continue;
        }
        const std::string name = path.stem();
        const auto beside = identityAt(path_ + "/" + name + ".properties", found.error);
        found.files.push_back({name, path, *identity, beside.value_or(FileIdentity())});
    }
    if (error && error != std::errc::no_such_file_or_directory) {
        found.error = path_ + ": " + error.message();
    }
    std::sort(found.files.begin(), found.files.end(), [](const PluginFile& a, const PluginFile& b) {
        return a.name < b.name;
    });
    return found;
}

bool PluginFolder::settled(const PluginFile& file, Clock::time_point now) {
    const Seen fresh{file.identity, file.properties, now};
    Seen& seen = seen_.try_emplace(file.name, fresh).first->second;
    if (!(seen.identity == file.identity && seen.properties == file.properties)) {
        seen = fresh;
    }
    return now - seen.since >= kQuiet;
}

}  // namespace drover
