#pragma once

#include <string>

#include <Poco/Exception.h>

#include "drover/Export.h"

namespace drover {

/// The root of every fault that Drover throws, split below by what the caller can do next.
/// Header-only, so that a static library may throw them without linking the engine.
class DROVER_API Exception : public Poco::Exception {
public:
    explicit Exception(const std::string& message, int code = 0) : Poco::Exception(message, code) {}
    [[nodiscard]] const char* name() const noexcept override { return "drover::Exception"; }
    [[nodiscard]] const char* className() const noexcept override { return "drover::Exception"; }
    /// The message. Poco answers the class name here, which is all that code without Poco (a plugin's SDK) would show.
    [[nodiscard]] const char* what() const noexcept override { return message().c_str(); }
    [[nodiscard]] Poco::Exception* clone() const override { return new Exception(*this); }
    void rethrow() const override { throw *this; }
};

// Poco needs name, className, clone and rethrow of every class; its own macro would need a source file.
// NOLINTBEGIN(bugprone-macro-parentheses): a class name cannot stand in parentheses.
#define DROVER_DECLARE_EXCEPTION(Class, Base)                                                  \
    class DROVER_API Class : public Base {                                                     \
    public:                                                                                    \
        explicit Class(const std::string& message, int code = 0) : Base(message, code) {}      \
        [[nodiscard]] const char* name() const noexcept override { return "drover::" #Class; } \
        [[nodiscard]] const char* className() const noexcept override {                        \
            return "drover::" #Class;                                                          \
        }                                                                                      \
        [[nodiscard]] Poco::Exception* clone() const override { return new Class(*this); }     \
        void rethrow() const override { throw *this; }                                         \
    }
// NOLINTEND(bugprone-macro-parentheses)

/// The link to Redis failed or was refused before a reply came; reconnect and, if it is safe to repeat, repeat.
DROVER_DECLARE_EXCEPTION(RedisIoException, Exception);
/// No reply within the deadline: whether the command ran is unknown.
DROVER_DECLARE_EXCEPTION(RedisTimeoutException, RedisIoException);
/// Redis answered that it does not do it now (LOADING, BUSY, OOM, MISCONF, READONLY): nothing was written, try later.
DROVER_DECLARE_EXCEPTION(RedisBusyException, RedisIoException);
/// Redis refuses until an operator changes the configuration (NOAUTH, WRONGPASS, NOPERM): log it, retry slowly.
DROVER_DECLARE_EXCEPTION(RedisAuthException, RedisIoException);
/// Redis answered with an error that a repetition will not cure (WRONGTYPE, a script's own error).
DROVER_DECLARE_EXCEPTION(ScriptException, Exception);
/// The job, its parent or its scheduler is not in the state that the operation needs, so nothing has changed. `code()` is the
/// number of an ErrorCode (-1: there is no such job), or 0 if BullMQ has no code for the reason.
DROVER_DECLARE_EXCEPTION(JobStateException, Exception);
/// A job's hash is unreadable; the message names the job and the field. Its neighbours are fine.
DROVER_DECLARE_EXCEPTION(JobFormatException, Exception);
/// The database answered with an error that is the statement's or the data's fault. Infrastructure is Unavailable.
DROVER_DECLARE_EXCEPTION(StoreException, Exception);
/// A key is unknown, missing, or its value is out of range; the message names the key and the expectation.
DROVER_DECLARE_EXCEPTION(ConfigException, Exception);
/// A plugin was refused; the message names the file and both sides of the disagreement.
DROVER_DECLARE_EXCEPTION(PluginException, Exception);

}  // namespace drover
