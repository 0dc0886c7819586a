#include "auth/TokenFile.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <map>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>
#include <vector>

#include "drover/Exceptions.h"

namespace drover::api {

namespace {

constexpr std::size_t kMostBytes = 1U << 20U;

/// A descriptor that is closed at the end of its scope.
class OpenFile {
public:
    /// Does not wait for the writer of a named pipe.
    explicit OpenFile(const std::string& path)
        : descriptor_(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)) {
        if (descriptor_ < 0) {
            throw ConfigException(path + ": " + std::strerror(errno));
        }
    }
    ~OpenFile() { ::close(descriptor_); }
    OpenFile(const OpenFile&) = delete;
    OpenFile& operator=(const OpenFile&) = delete;

    [[nodiscard]] int descriptor() const { return descriptor_; }

private:
    int descriptor_;
};

void requireTrusted(int descriptor, const std::string& path) {
    struct stat status {};
    if (::fstat(descriptor, &status) != 0) {
        throw ConfigException(path + ": " + std::strerror(errno));
    }
    if (!S_ISREG(status.st_mode)) {
        throw ConfigException(path + ": the token file must be a regular file");
    }
    if (status.st_uid != 0 && status.st_uid != ::geteuid()) {
        throw ConfigException(path + ": the token file belongs to user " +
                              std::to_string(status.st_uid) + "; it must be root's or user " +
                              std::to_string(::geteuid()) + "'s, who runs this process");
    }
    // In most installations the user is alone in its group, and a umask of 002 makes files that the group may write.
    const mode_t others = status.st_gid == ::getegid() ? S_IWOTH : S_IWGRP | S_IWOTH;
    if ((status.st_mode & others) != 0) {
        throw ConfigException(path + ": the token file can be written by others; chmod go-w " +
                              path);
    }
}

std::string contentOf(int descriptor, const std::string& path) {
    std::string text;
    std::array<char, 65536> part{};
    for (;;) {
        const ssize_t got = ::read(descriptor, part.data(), part.size());
        if (got == 0) {
            return text;
        }
        if (got < 0 && errno != EINTR) {
            throw ConfigException(path + ": " + std::strerror(errno));
        }
        text.append(part.data(), static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
        if (text.size() > kMostBytes) {
            throw ConfigException(path + ": a token file has at most 1 MiB");
        }
    }
}

/// Returns true if nothing of the line counts.
bool isRemark(std::string_view line) {
    const std::size_t begin = line.find_first_not_of(" \t");
    return begin == std::string_view::npos || line[begin] == '#';
}

/// Collects tokens, each name and each digest once.
class Collection {
public:
    /// Throws ConfigException.
    void add(AccessToken token, std::size_t line) {
        if (const auto [at, fresh] = lineOfName_.emplace(token.name, line); !fresh) {
            throw ConfigException(
                "the name " + token.name + " stands in line " + std::to_string(at->second) +
                " too; two tokens valid at once have two names, as " + token.name + "-2");
        }
        if (const auto [at, fresh] = lineOfDigest_.emplace(token.digest, line); !fresh) {
            throw ConfigException("the token of line " + std::to_string(at->second) +
                                  " stands here under a second name; one line has all scopes of "
                                  "a token");
        }
        tokens_.push_back(std::move(token));
    }

    [[nodiscard]] std::vector<AccessToken> release() { return std::move(tokens_); }

private:
    std::vector<AccessToken> tokens_;
    std::map<std::string, std::size_t> lineOfName_;
    std::map<AccessToken::Digest, std::size_t> lineOfDigest_;
};

}  // namespace

TokenTable parseTokenFile(std::string_view text, const std::string& path) {
    Collection tokens;
    std::size_t number = 0;
    while (!text.empty()) {
        ++number;
        const std::size_t end = std::min(text.find('\n'), text.size());
        std::string_view line = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
        if (!line.empty() && line.back() == '\r') {
            line.remove_suffix(1);
        }
        if (isRemark(line)) {
            continue;
        }
        try {
            tokens.add(AccessToken::parseLine(line), number);
        } catch (const ConfigException& error) {
            throw ConfigException(path + ":" + std::to_string(number) + ": " + error.message());
        }
    }
    TokenTable table(tokens.release());
    if (table.empty()) {
        throw ConfigException(path +
                              ": the file has no token; drover token new prints a line for one");
    }
    return table;
}

TokenTable readTokenFile(const std::string& path) {
    const OpenFile file(path);
    requireTrusted(file.descriptor(), path);
    return parseTokenFile(contentOf(file.descriptor(), path), path);
}

}  // namespace drover::api
