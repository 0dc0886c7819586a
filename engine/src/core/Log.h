#pragma once

#include <string>
#include <utility>

#include <Poco/Message.h>

namespace Poco {
class Logger;
}

namespace drover {

/// The subject of a log line: a search finds it by these, and the text has no ids in it. Empty members are left out.
///
/// In a JSON line they are members of the same names (`attempt` is a number), on a terminal ` queue=emails job=42` behind the
/// text.
struct LogFields {
    std::string queue{};    ///< The queue's own name, without prefix.
    std::string job{};      ///< The job's id.
    std::string jobName{};  ///< The job's name.
    int attempt = 0;        ///< Begun attempts, this one included; 0: none.
    std::string plugin{};   ///< The plugin's name.
    std::string worker{};   ///< The worker's name in the list of clients.

    /// Calls `visit(name, text)` for each member that is set, in the order above.
    template <typename Visit>
    void forEach(Visit visit) const {
        const std::string number = attempt == 0 ? std::string() : std::to_string(attempt);
        const std::pair<const char*, const std::string*> all[] = {{"queue", &queue},
                                                                  {"job", &job},
                                                                  {"jobName", &jobName},
                                                                  {"attempt", &number},
                                                                  {"plugin", &plugin},
                                                                  {"worker", &worker}};
        for (const auto& [name, text] : all) {
            if (!text->empty()) {
                visit(name, *text);
            }
        }
    }
};

/// A field that a line may carry, set by its name as a parameter of the Poco::Message.
struct LogField {
    const char* name;
    bool isNumber = false;
};

/// The fields of lines, in their order: those of LogFields, and those of the access log.
inline constexpr LogField kLogFields[] = {{"queue"},
                                          {"job"},
                                          {"jobName"},
                                          {"attempt", true},
                                          {"plugin"},
                                          {"worker"},
                                          {"method"},
                                          {"route"},
                                          {"status", true},
                                          {"ms", true},
                                          {"bytes", true},
                                          {"client"},
                                          {"token"}};

/// Writes lines with fields to one logger.
///
/// The text describes the event without ids: those are fields. Cheap to copy; never throws for the bytes of a text.
/// Threads: const methods may be called from any thread.
class Log {
public:
    /// `fields` go with every line.
    explicit Log(const std::string& logger, LogFields fields = {});

    void error(const std::string& text, const LogFields& more = {}) const;
    void warning(const std::string& text, const LogFields& more = {}) const;
    void information(const std::string& text, const LogFields& more = {}) const;
    void debug(const std::string& text, const LogFields& more = {}) const;
    void write(Poco::Message::Priority priority,
               const std::string& text,
               const LogFields& more = {}) const;
    /// Returns true if debug lines are written: for texts that cost something to make.
    [[nodiscard]] bool writesDebug() const;

private:
    Poco::Logger* logger_;
    LogFields fields_;
};

}  // namespace drover
