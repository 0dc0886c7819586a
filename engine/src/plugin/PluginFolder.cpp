#include "plugin/PluginFolder.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <optional>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "drover/Exceptions.h"

namespace drover {

namespace {

/// A copy that makes no progress for so long counts as finished; a broken one is refused and looked at again when it goes
/// on.
constexpr std::chrono::milliseconds kQuiet{300};
constexpr std::size_t kLongestName = 64;

bool isName(const std::string& name) {
    const auto isLetter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
    return !name.empty() && name.size() <= kLongestName && isLetter(name.front()) &&
           std::all_of(name.begin(), name.end(), [&](char c) {
               return isLetter(c) || (c >= '0' && c <= '9') || c == '_' || c == '-';
           });
}

FileIdentity identityOf(const struct stat& status) {
    return {status.st_dev,
            status.st_ino,
            static_cast<std::uint64_t>(status.st_size),
            std::int64_t{status.st_mtim.tv_sec} * 1000000000 + status.st_mtim.tv_nsec,
            status.st_mode,
            status.st_uid,
            status.st_gid};
}

/// None if nothing is there; `error` is told what else keeps it from being seen.
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

std::string octal(mode_t mode) {
    std::string digits;
    for (int shift = 9; shift >= 0; shift -= 3) {
        digits += static_cast<char>('0' + ((mode >> shift) & 7U));
    }
    return digits;
}

constexpr const char* kAdvice =
    "; or plugins.trust = everybody, if whoever can write there may run code as this user";

void requireTrustedOwner(const std::string& path, const char* what, const struct stat& status) {
    if (status.st_uid != 0 && status.st_uid != ::geteuid()) {
        throw PluginException(path + ": " + what + " belongs to user " +
                              std::to_string(status.st_uid) + "; it must be root's or user " +
                              std::to_string(::geteuid()) + "'s, who runs this process" + kAdvice);
    }
}

void requireTrustedNode(const std::string& path, const char* what) {
    struct stat status {};
    if (::stat(path.c_str(), &status) != 0) {
        throw PluginException(path + ": " + std::strerror(errno));
    }
    requireTrustedOwner(path, what, status);
    // A group that is ours alone in most installations: who has a umask of 002 makes nothing else.
    const mode_t others = status.st_gid == ::getegid() ? S_IWOTH : S_IWGRP | S_IWOTH;
    struct statvfs mounted {};
    const bool readOnly =
        ::statvfs(path.c_str(), &mounted) == 0 && (mounted.f_flag & ST_RDONLY) != 0;
    const bool sticky = S_ISDIR(status.st_mode) && (status.st_mode & S_ISVTX) != 0;
    if ((status.st_mode & others) != 0 && !readOnly && !sticky) {
        throw PluginException(
            path + ": " + what + " can be written by others (mode " + octal(status.st_mode) +
            "); chmod go-w, then HUP makes a running engine look again" +
            (S_ISDIR(status.st_mode) ? "; or make it sticky (chmod +t), or mount it read-only"
                                     : "; or mount it read-only") +
            kAdvice);
    }
}

}  // namespace

PluginFiles PluginFolder::files() const {
    PluginFiles found;
    std::error_code error;
    for (std::filesystem::directory_iterator entry(path_, error), end; !error && entry != end;
         entry.increment(error)) {
        const std::filesystem::path& path = entry->path();
        if (path.extension() != ".so" || !isName(path.stem())) {
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

void requireTrusted(const std::string& path) {
    requireTrustedNode(path, "the file");
    // In a sticky folder anybody may make a link, which then only he and the folder's owner may take away.
    struct stat link {};
    if (::lstat(path.c_str(), &link) == 0 && S_ISLNK(link.st_mode)) {
        requireTrustedOwner(path, "the link", link);
    }
    // The folder of the file itself as well, where a symbolic link leads elsewhere.
    std::error_code gone;  // Then it is refused for that.
    for (const auto& one : {std::filesystem::path(path), std::filesystem::canonical(path, gone)}) {
        requireTrustedNode(one.parent_path(), "its folder");
    }
}

}  // namespace drover
