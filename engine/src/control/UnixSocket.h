#pragma once

#include <string>
#include <sys/types.h>

#include "core/Descriptor.h"

namespace drover {

/// A listening Unix socket at a path, for its owner alone (mode 0600); removed by the destructor if it is still ours.
///
/// A socket that a dead process left is replaced. While one process looks, no other does: both hold a lock on the folder.
class ListeningUnixSocket {
public:
    /// Throws ConfigException if the path has more than 107 bytes (docs/pitfalls.md#u6), something that is no socket of ours is
    /// there, a living process answers on it, or the folder does not allow it.
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

/// Connects; the descriptor does not block. Throws Poco::IOException with the errno as its code if nobody answers there,
/// Poco::InvalidArgumentException for a path of more than 107 bytes.
[[nodiscard]] Descriptor connectUnixSocket(const std::string& path);

}  // namespace drover
