#pragma once

#include <atomic>
#include <list>
#include <memory>
#include <mutex>
#include <optional>

#include "drover/Redis.h"

namespace drover {

/// Knows the sockets that lead to servers, so that those to a server that is the master no more can be ended from any
/// thread.
///
/// An ended socket is shut down, not closed: its owner finds it readable and at its end, wherever it waits.
/// Threads: any.
class OpenSockets {
public:
    /// A socket, until the entry is destroyed: before the socket is closed, and before OpenSockets.
    class Entry {
    public:
        Entry(OpenSockets& sockets, int fd, Redis::Address address)
            : sockets_(sockets), fd_(fd), address_(std::move(address)) {}
        ~Entry() { sockets_.leave(*this); }
        Entry(const Entry&) = delete;
        Entry& operator=(const Entry&) = delete;

        /// Returns true if the socket was ended: its server is not the master.
        [[nodiscard]] bool ended() const { return ended_; }

    private:
        friend class OpenSockets;
        void end();

        OpenSockets& sockets_;
        const int fd_;
        const Redis::Address address_;
        std::atomic<bool> ended_{false};
        std::list<Entry*>::iterator place_;
    };

    /// Enters a socket that leads to `address`. Ends it at once if another server is the master by now.
    [[nodiscard]] std::unique_ptr<Entry> enter(int fd, const Redis::Address& address);
    /// Ends the sockets to every other server than `master`, those that are entered later too.
    void endAllBut(const Redis::Address& master);

private:
    void leave(Entry& entry);

    std::mutex mutex_;
    std::list<Entry*> entries_;
    std::optional<Redis::Address> master_;
};

}  // namespace drover
