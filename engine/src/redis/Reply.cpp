#include "redis/Reply.h"

#include <charconv>
#include <new>

#include <hiredis/hiredis.h>

#include "drover/Exceptions.h"

namespace drover {

bool ReplyView::isNil() const {
    return reply_->type == REDIS_REPLY_NIL;
}
bool ReplyView::isError() const {
    return reply_->type == REDIS_REPLY_ERROR;
}
bool ReplyView::isArray() const {
    return reply_->type == REDIS_REPLY_ARRAY;
}
bool ReplyView::isInteger() const {
    return reply_->type == REDIS_REPLY_INTEGER;
}

std::string_view ReplyView::text() const {
    switch (reply_->type) {
        case REDIS_REPLY_STRING:
        case REDIS_REPLY_STATUS:
        case REDIS_REPLY_ERROR:
            return {reply_->str, static_cast<std::size_t>(reply_->len)};
        default:
            return {};
    }
}

std::int64_t ReplyView::integer() const {
    if (reply_->type == REDIS_REPLY_INTEGER) {
        return reply_->integer;
    }
    const std::string_view digits = text();
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    if (error != std::errc() || end != digits.data() + digits.size() || digits.empty()) {
        throw ScriptException("Redis answered \"" + std::string(digits) +
                              "\" where an integer is expected");
    }
    return value;
}

std::size_t ReplyView::size() const {
    return isArray() ? reply_->elements : 0;
}

ReplyView ReplyView::at(std::size_t index) const {
    if (index >= size()) {
        throw ScriptException("Redis answered with " + std::to_string(size()) +
                              " elements, element " + std::to_string(index) + " is missing");
    }
    return ReplyView(reply_->element[index]);
}

void FreeReplyReader::operator()(redisReader* reader) const {
    redisReaderFree(reader);
}

ReplyReader makeReplyReader() {
    ReplyReader reader(redisReaderCreate());
    if (!reader) {
        throw std::bad_alloc();
    }
    static const redisReplyObjectFunctions kOriginal = *reader->fn;
    static redisReplyObjectFunctions bounded = [] {
        redisReplyObjectFunctions functions = kOriginal;
        functions.createArray = [](const redisReadTask* task, int elements) -> void* {
            return elements > 1 << 24 ? nullptr : kOriginal.createArray(task, elements);
        };
        return functions;
    }();
    reader->fn = &bounded;
    return reader;
}

void Reply::Free::operator()(redisReply* reply) const {
    freeReplyObject(reply);
}

ReplyClass classifyError(std::string_view error) {
    struct Prefix {
        std::string_view text;
        ReplyClass kind;
    };
    static constexpr Prefix kPrefixes[] = {
        {"NOSCRIPT", ReplyClass::NoScript},
        {"READONLY", ReplyClass::Topology},
        {"UNBLOCKED", ReplyClass::Topology},
        {"MASTERDOWN", ReplyClass::Topology},
        {"NOREPLICAS", ReplyClass::Pressure},
        {"LOADING", ReplyClass::Wait},
        {"BUSY ", ReplyClass::Wait},
        {"OOM", ReplyClass::Pressure},
        {"MISCONF", ReplyClass::Pressure},
        {"NOAUTH", ReplyClass::Auth},
        {"WRONGPASS", ReplyClass::Auth},
        {"NOPERM", ReplyClass::Auth},
        {"DENIED", ReplyClass::Auth},
        {"ERR AUTH", ReplyClass::Auth},
        {"ERR invalid password", ReplyClass::Auth},
        {"ERR Client sent AUTH", ReplyClass::Auth},
        {"ERR max number of clients reached", ReplyClass::TooMany},
        {"WRONGTYPE", ReplyClass::WrongType},
        {"MOVED", ReplyClass::Cluster},
        {"CROSSSLOT", ReplyClass::Cluster},
        {"ASK ", ReplyClass::Wait},
        {"TRYAGAIN", ReplyClass::Wait},
        {"CLUSTERDOWN", ReplyClass::Topology},
    };
    // Redis 6 puts the refusal of a script's command behind where it happened.
    constexpr std::string_view kInScript = "ERR Error running script";
    if (error.rfind(kInScript, 0) == 0) {
        const std::size_t inner = error.find(": -");
        return inner == std::string_view::npos ? ReplyClass::Other
                                               : classifyError(error.substr(inner + 3));
    }
    for (const Prefix& prefix : kPrefixes) {
        if (error.rfind(prefix.text, 0) == 0) {
            return prefix.kind;
        }
    }
    return ReplyClass::Other;
}

bool isElsewhere(std::string_view error) {
    return classifyError(error) == ReplyClass::Topology || isPartOfSlot(error) ||
           error.rfind("MOVED ", 0) == 0;
}

bool isPartOfSlot(std::string_view error) {
    return error.rfind("TRYAGAIN", 0) == 0 || error.rfind("ASK ", 0) == 0;
}

std::string wholeSlotKey(const std::string& key) {
    return key + ":drover:whole";
}

void throwError(std::string_view operation, std::string_view error) {
    const std::string message =
        std::string(operation) + ": Redis answered \"" + std::string(error) + "\"";
    switch (classifyError(error)) {
        case ReplyClass::Topology:
        case ReplyClass::TooMany:
        case ReplyClass::Wait:
        case ReplyClass::Pressure:
            throw RedisBusyException(message);
        case ReplyClass::Auth:
            throw RedisAuthException(message + "; check redis.user and redis.password");
        case ReplyClass::Cluster:
            throw ScriptException(
                message +
                "; Redis is a cluster: name its nodes in redis.cluster; all keys of a queue must "
                "share a slot: put braces into redis.prefix, as in {bull}, or into the queue's "
                "name");
        case ReplyClass::NoScript:
        case ReplyClass::WrongType:
        case ReplyClass::Other:
            break;
    }
    throw ScriptException(message);
}

}  // namespace drover
