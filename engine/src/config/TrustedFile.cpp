#include "config/TrustedFile.h"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "drover/Exceptions.h"

namespace drover {

namespace {

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
    // In most installations the user is alone in its group, and a umask of 002 makes files that the group may write.
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

void requireTrusted(const std::string& path) {
    requireTrustedNode(path, "the file");
    // In a sticky folder any user may make a link, which then only that user and the folder's owner may remove.
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
