#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace drover::api {

class StreamState;

/// One request of one connection. `serial` is never used twice, so a ticket that is late finds nothing.
struct Ticket {
    int fd = -1;
    std::uint64_t serial = 0;
};

/// Bytes for a client, from any thread to the loop that owns the connections.
struct LoopMessage {
    enum class Kind {
        Answer,
        StreamBegin,
        UploadBegin,  ///< A StreamBegin whose connection goes on with receiving the body.
        UploadRead,   ///< There is room for further bytes of the body.
        StreamPiece,
        StreamEnd
    };

    Ticket ticket;
    Kind kind = Kind::Answer;
    std::string bytes;
    int status = 0;                                 ///< With an Answer.
    bool keepAlive = false;                         ///< After an Answer.
    std::shared_ptr<StreamState> stream = nullptr;  ///< With StreamBegin and UploadBegin.
};

/// The way from any thread to the loop: messages, and an eventfd that wakes it, written only while it rests.
///
/// Threads: post(), wake(), drain() and draining() from any; the rest by the loop. After close() messages are dropped and
/// their streams closed.
class LoopInbox {
public:
    /// Throws Poco::IOException without a descriptor.
    LoopInbox();
    ~LoopInbox();
    LoopInbox(const LoopInbox&) = delete;
    LoopInbox& operator=(const LoopInbox&) = delete;

    void post(LoopMessage message);
    void wake();

    /// From now on answers close their connections.
    void drain() { draining_.store(true, std::memory_order_release); }
    [[nodiscard]] bool draining() const { return draining_.load(std::memory_order_acquire); }

    /// Readable while the loop should not rest.
    [[nodiscard]] int fd() const { return eventFd_; }
    /// The loop is about to wait for fd(). Returns false if messages are here: it must not.
    [[nodiscard]] bool rest();
    /// The loop runs again; `signalled`: fd() was readable.
    void rise(bool signalled);
    [[nodiscard]] std::vector<LoopMessage> popAll();
    void close();
    /// Closes the stream of a message that has no connection any more.
    static void drop(const LoopMessage& message);

private:
    const int eventFd_;
    std::atomic<bool> draining_{false};
    std::mutex mutex_;
    std::vector<LoopMessage> messages_;
    bool awake_ = true;  ///< The loop runs, or has been woken.
    bool closed_ = false;
};

}  // namespace drover::api
