#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "drover/Response.h"
#include "drover/Upload.h"

namespace drover {

/// One server-sent event. Neither `id` nor `name` may have a line break or NUL; `data` is sent line by line.
struct Event {
    std::string data;
    std::string name = {};  ///< Empty: "message", as clients call it.
    std::string id =
        {};  ///< Empty: none. A client that connects again sends the last one as Last-Event-ID.
};

/// An answer that goes on: server-sent events to one client.
///
/// The front sends a comment every 15 s, so that proxies and clients see that the stream lives, and ends the stream when the
/// process drains. Destroying the stream ends it.
/// Threads: any.
class EventStream {
public:
    enum class Sent {
        Yes,
        Full,  ///< Not sent: the client reads too slowly, its cap of bytes is reached. Wait for whenWritable().
        Closed
    };

    virtual ~EventStream() = default;
    /// Never blocks. Throws std::invalid_argument for an id or a name with a line break or NUL.
    virtual Sent send(const Event& event) = 0;
    /// Returns false once the client has left or the process drains.
    [[nodiscard]] virtual bool open() const = 0;
    /// Calls `callback` once, when the client has read half of what waits for it, or the stream has closed: on the front's
    /// thread, or before this returns. It must neither throw nor block. A second call replaces the first.
    virtual void whenWritable(std::function<void()> callback) = 0;
};

/// Answers one request, once: now or later, from any thread.
///
/// A responder that is destroyed without an answer answers 500. A request that is not answered within its route's deadline
/// is answered with 503 by the front, and a later answer goes nowhere.
/// Threads: one at a time; clientLeft() from any.
class Responder {
public:
    /// The front's side of one request. Its destructor answers 500 if nothing else has.
    class Channel {
    public:
        virtual ~Channel() = default;
        virtual bool respond(Response response) = 0;
        [[nodiscard]] virtual bool over() const = 0;
        virtual void whenOver(std::function<void()> callback) = 0;
        virtual std::shared_ptr<EventStream> stream() = 0;
        virtual std::shared_ptr<Upload> upload() = 0;
    };

    explicit Responder(std::unique_ptr<Channel> channel) : channel_(std::move(channel)) {}

    /// Returns false, and does nothing, if the request was answered before, its client has left or its deadline has passed.
    bool respond(Response response) { return channel_ && channel_->respond(std::move(response)); }

    /// Returns true if an answer would go nowhere: the client has left, or the deadline has passed.
    [[nodiscard]] bool clientLeft() const { return !channel_ || channel_->over(); }
    /// Calls `callback` once, when clientLeft() becomes true, on the front's thread or before this returns; never after an
    /// answer. It must neither throw nor block.
    void whenClientLeaves(std::function<void()> callback) {
        if (channel_) {
            channel_->whenOver(std::move(callback));
        }
    }

    /// Answers 200 with a stream of events. Returns nullptr as respond() returns false, and for HEAD, which has its answer
    /// by then.
    [[nodiscard]] std::shared_ptr<EventStream> stream() {
        return channel_ ? channel_->stream() : nullptr;
    }

    /// Answers 200 with lines of JSON that are sent while the request's body arrives. Returns nullptr as respond() returns
    /// false, and for a request whose body is here.
    [[nodiscard]] std::shared_ptr<Upload> upload() {
        return channel_ ? channel_->upload() : nullptr;
    }

private:
    std::unique_ptr<Channel> channel_;
};

}  // namespace drover
