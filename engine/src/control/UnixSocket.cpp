#include "control/UnixSocket.h"

#include <cerrno>
#include <chrono>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <thread>
#include <unistd.h>

#include <Poco/Exception.h>

#include "drover/Exceptions.h"

namespace drover {

namespace {

constexpr int kBacklog = 16;
constexpr auto kLockPatience = std::chrono::seconds(2);

sockaddr_un addressOf(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.empty() || path.size() >= sizeof address.sun_path) {
        throw Poco::InvalidArgumentException(
            "socket path " + path + " has " + std::to_string(path.size()) +
            " bytes, a Unix socket allows " + std::to_string(sizeof address.sun_path - 1));
    }
    std::memcpy(address.sun_path, path.data(), path.size());
    return address;
}

[[noreturn]] void refuse(const std::string& path, const std::string& what) {
    throw ConfigException("control socket " + path + ": " + what);
}

Descriptor newSocket() {
    return Descriptor(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
}

/// Locks the socket's folder exclusively; closing the descriptor releases the lock.
Descriptor lockFolder(const std::string& path) {
    std::string folder = std::filesystem::path(path).parent_path();
    if (folder.empty()) {
        folder = ".";
    }
    Descriptor descriptor(open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (descriptor.get() < 0) {
        refuse(path, "folder " + folder + ": " + std::strerror(errno));
    }
    // Another program may hold a lock on /tmp for its own reasons; the process starts nevertheless.
    const auto deadline = std::chrono::steady_clock::now() + kLockPatience;
    while (flock(descriptor.get(), LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK &&
           std::chrono::steady_clock::now() < deadline) {
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return descriptor;
}

}  // namespace

Descriptor connectUnixSocket(const std::string& path) {
    const sockaddr_un address = addressOf(path);
    Descriptor descriptor = newSocket();
    if (connect(descriptor.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) !=
        0) {
        throw Poco::IOException(path + ": " + std::strerror(errno), errno);
    }
    return descriptor;
}

ListeningUnixSocket::ListeningUnixSocket(const std::string& path) : path_(path) {
    sockaddr_un address{};
    try {
        address = addressOf(path);
    } catch (const Poco::InvalidArgumentException& error) {
        throw ConfigException("control." + error.message());
    }
    const Descriptor lock = lockFolder(path);
    removeStale();
    descriptor_ = newSocket();
    // Before bind: at no moment may another user connect.
    fchmod(descriptor_.get(), S_IRUSR | S_IWUSR);
    if (bind(descriptor_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
        refuse(path, std::strerror(errno));
    }
    struct stat made {};
    if (listen(descriptor_.get(), kBacklog) != 0 || lstat(path.c_str(), &made) != 0) {
        refuse(path, std::strerror(errno));
    }
    device_ = made.st_dev;
    inode_ = made.st_ino;
}

ListeningUnixSocket::~ListeningUnixSocket() {
    struct stat there {};
    if (lstat(path_.c_str(), &there) == 0 && there.st_dev == device_ && there.st_ino == inode_) {
        unlink(path_.c_str());
    }
}

void ListeningUnixSocket::removeStale() const {
    struct stat there {};
    if (lstat(path_.c_str(), &there) != 0) {
        return;
    }
    if (!S_ISSOCK(there.st_mode)) {
        refuse(path_, "the path exists and is not a socket");
    }
    if (there.st_uid != geteuid()) {
        refuse(path_, "a socket of another user is there");
    }
    try {
        const Descriptor answered = connectUnixSocket(path_);
    } catch (const Poco::IOException& error) {
        if (error.code() != ECONNREFUSED) {
            refuse(path_, "a socket is there and cannot be probed: " + error.message());
        }
        if (unlink(path_.c_str()) != 0) {
            refuse(path_,
                   std::string("the socket of an ended process is there and stays: ") +
                       std::strerror(errno));
        }
        return;
    }
    refuse(path_, "another process answers there; give each process a path of its own");
}

}  // namespace drover
