#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <string>

#include "drover/Json.h"

namespace drover {

/// Answers requests on the control socket of a process: commands by name.
///
/// Request: {"command": string, …}. Answer: {"ok": true, "result": any} or {"ok": false, "error": string}.
/// Threads: add() and answer() may be called from any thread. A command runs on the thread of the socket, for which
/// other clients wait: it must answer within milliseconds.
class ControlCommands {
public:
    /// Gets the whole request and returns its result as JSON text. An exception becomes the error of the answer.
    using Command = std::function<std::string(const JsonView& request)>;

    /// Throws Poco::ExistsException if there is a command of that name.
    void add(const std::string& name, Command command);

    /// Returns one line of JSON without its end. An unknown command is an error that names the nearest one. Never throws.
    [[nodiscard]] std::string answer(const std::string& request) const;

    [[nodiscard]] static std::string errorAnswer(const std::string& message);

private:
    mutable std::mutex mutex_;
    std::map<std::string, Command> commands_;
};

}  // namespace drover
