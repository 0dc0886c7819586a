#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

struct redisReader;
struct redisReply;

namespace drover {

/// A look at one reply, or at an element of an array reply; valid as long as the Reply it came from.
class ReplyView {
public:
    explicit ReplyView(const redisReply* reply) : reply_(reply) {}

    [[nodiscard]] bool isNil() const;
    [[nodiscard]] bool isError() const;
    [[nodiscard]] bool isArray() const;
    [[nodiscard]] bool isInteger() const;
    /// The bytes of a string, status or error; empty for nil.
    [[nodiscard]] std::string_view text() const;
    /// An integer, or a string that is one. Throws ScriptException for anything else.
    [[nodiscard]] std::int64_t integer() const;
    /// Elements of an array; 0 for anything else.
    [[nodiscard]] std::size_t size() const;
    /// Throws ScriptException if there is no such element.
    [[nodiscard]] ReplyView at(std::size_t index) const;

private:
    const redisReply* reply_;
};

/// Owns a reply.
class Reply : public ReplyView {
public:
    explicit Reply(redisReply* reply) : ReplyView(reply), owned_(reply) {}

private:
    struct Free {
        void operator()(redisReply* reply) const;
    };
    std::unique_ptr<redisReply, Free> owned_;
};

struct FreeReplyReader {
    void operator()(redisReader* reader) const;
};
using ReplyReader = std::unique_ptr<redisReader, FreeReplyReader>;

/// Returns hiredis's parser of replies, which fails for an array of more than 2^24 elements: it would allocate them
/// before it has any of them, and the length may be garbage (docs/pitfalls.md#h8).
[[nodiscard]] ReplyReader makeReplyReader();

/// Classes of error replies, by what a client must do (docs/pitfalls.md#r1).
enum class ReplyClass {
    NoScript,  ///< Send the script's text.
    Topology,  ///< Not a master (any more), or no cluster: drop the connection, connect anew, verify the role.
    Wait,  ///< LOADING, BUSY, a slot that moves (TRYAGAIN, ASK): the same connection works later.
    Pressure,  ///< OOM, MISCONF, NOREPLICAS: writes are refused for now; a refused renewal is not a lost lock.
    Auth,       ///< NOAUTH, WRONGPASS, NOPERM, DENIED: a person must change the configuration.
    TooMany,    ///< No connection left: retry with jitter.
    WrongType,  ///< A key of the queue has another type: keep away from the queue.
    Cluster,    ///< MOVED, CROSSSLOT: Redis is a cluster, and the configuration does not fit it.
    Other       ///< The script's or the command's own fault.
};

/// Classifies the text of an error reply, without its leading '-'.
[[nodiscard]] ReplyClass classifyError(std::string_view error);

/// Returns true if the error means that nothing was done because another server has the keys, or will have them soon: the
/// server was demoted, the slot has moved or is moving.
[[nodiscard]] bool isElsewhere(std::string_view error);
/// Returns true for TRYAGAIN and ASK: a slot moves, and the node has a part of its keys.
[[nodiscard]] bool isPartOfSlot(std::string_view error);
/// Returns a key of the same slot as `key` that never exists.
[[nodiscard]] std::string wholeSlotKey(const std::string& key);

/// Throws the exception of the error's class; `operation` goes into the message.
/// Must not be called for NoScript.
[[noreturn]] void throwError(std::string_view operation, std::string_view error);

}  // namespace drover
