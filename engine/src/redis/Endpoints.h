#pragma once

#include <vector>

#include "drover/Redis.h"
#include "redis/OpenSockets.h"

namespace drover {

/// Finds the master that serves a slot, where it changes: behind sentinels, or in a cluster.
///
/// All clients of a handle share one, and enter their sockets: a change ends the connections to a server that is the
/// master no more, so that also a client that waits inside Redis leaves it at once.
/// Threads: any.
class Endpoints {
public:
    using Address = Redis::Address;

    /// Stands for any server of a cluster.
    static constexpr int kAnySlot = -1;

    Endpoints() = default;
    virtual ~Endpoints() = default;
    Endpoints(const Endpoints&) = delete;
    Endpoints& operator=(const Endpoints&) = delete;

    /// Returns the master of `slot`. Asks if it is not known, or after suspect(): for each server that is asked at most the
    /// timeouts of Redis::Settings. Throws RedisIoException (or RedisAuthException) if no server answers, or none knows.
    virtual Address find(int slot) = 0;
    /// Records that the server at `address` is gone, or is not the master of `slot`: find() asks anew.
    virtual void suspect(int slot, const Address& address) = 0;
    /// Records that `slot` moved to `address`, as MOVED says.
    virtual void onMoved(int slot, const Address& address) = 0;

    /// Returns every master. Throws as find() does.
    virtual std::vector<Address> masters() = 0;

    /// The sockets of clients.
    [[nodiscard]] OpenSockets& sockets() { return sockets_; }

private:
    OpenSockets sockets_;
};

}  // namespace drover
