#pragma once

#include <string>
#include <sys/types.h>

#include "core/Descriptor.h"

namespace drover {

/// Listens on a Unix socket at a path, for its owner alone (mode 0600). The destructor removes the socket, unless another
/// one has taken its place.
///
/// Replaces a socket that a dead process left. A lock on the folder prevents that two processes replace it at once.
class ListeningUnixSocket {
public:
    /// Throws ConfigException if the path has more than 107 bytes (docs/pitfalls.md#u6), the path is not a socket of
    /// this user, a living process answers on it, or the folder does not allow it.
    explicit ListeningUnixSocket(const std::string& path);
    ~ListeningUnixSocket();
    ListeningUnixSocket(const ListeningUnixSocket&) = delete;
    ListeningUnixSocket& operator=(const ListeningUnixSocket&) = delete;

    [[nodiscard]] int descriptor() const { return descriptor_.get(); }
    [[nodiscard]] const std::string& path() const { return path_; }

private:
    void removeStale() const;

    std::string path_;
    Descriptor descriptor_;
    dev_t device_ = 0;
    ino_t inode_ = 0;
};

/// Connects and returns a descriptor that does not block. Throws Poco::IOException with the errno as its code if no
/// process listens there, Poco::InvalidArgumentException for a path of more than 107 bytes.
[[nodiscard]] Descriptor connectUnixSocket(const std::string& path);

}  // namespace drover
