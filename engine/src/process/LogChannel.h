#pragma once

#include <mutex>
#include <set>
#include <string>
#include <vector>

#include <Poco/Channel.h>
#include <Poco/Message.h>

#include "process/LogWriter.h"

namespace drover {

/// Writes the log messages of the whole process: one line each on a file descriptor, as JSON or as text.
///
/// Json: {"time": ISO 8601 UTC with ms, "level", "logger", "thread", "message", and the LogFields that are set}, always valid
/// JSON in UTF-8. Text: the same for eyes, fields as key=value, coloured on a terminal; further lines of a message
/// are indented, control characters shown as \xNN, so that no message can pass for another one.
/// Secrets: texts named to hide() are written as ***.
/// Threads: log() and hide() may be called from any thread. log() never waits for the descriptor: lines are written by
/// LogWriter's thread, whole and in order; without a reader they are dropped and counted. After a fatal or critical message
/// log() waits a moment for it to be written, since the process may not live much longer.
class LogChannel : public Poco::Channel {
public:
    enum class Format { Json, Text, ColouredText };

    LogChannel(int descriptor, Format format, LogWriter::Limits limits = LogWriter::Limits());

    void log(const Poco::Message& message) override;

    /// Hides every occurrence of these, too, from now on; texts below 12 bytes where they stand as a word. Texts shorter
    /// than 4 bytes and common words ("drover", "postgres") are not hidden: they would tear holes into every line and be
    /// guessed from these. The password of a URL is always hidden, by its place.
    void hide(const std::vector<std::string>& secrets);
    /// *** in place of each.
    [[nodiscard]] std::string withoutSecrets(std::string text) const;

    /// "auto", "json" or "text" as configured; auto looks whether the descriptor is a terminal.
    [[nodiscard]] static Format formatFor(const std::string& configured, int descriptor);
    [[nodiscard]] LogWriter& writer() { return writer_; }
    [[nodiscard]] const LogWriter& writer() const { return writer_; }
    /// One line without its end; public for tests.
    [[nodiscard]] std::string line(const Poco::Message& message) const;

protected:
    ~LogChannel() override = default;

private:
    /// A URL before the password inside of it: then nothing of the URL is left.
    struct LongerFirst {
        bool operator()(const std::string& left, const std::string& right) const {
            return left.size() != right.size() ? left.size() > right.size() : left < right;
        }
    };

    const Format format_;
    mutable std::mutex mutex_;
    std::set<std::string, LongerFirst> secrets_;
    LogWriter writer_;
};

}  // namespace drover
