#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "compat/CompatFixture.h"
#include "conformance/Statements.h"
#include "queue/QueueContext.h"

namespace drover::test {

inline constexpr Side kBoth[] = {Side::Ours, Side::Node};
inline Side otherOf(Side side) {
    return side == Side::Ours ? Side::Node : Side::Ours;
}

/// Provides the words that the statements of a section of the list share. Our side has the setting that ships, `bullmq5 =
/// auto`, unless a statement is about another one; docs/conformance.md names those.
class Conformance : public CompatFixture {
public:
    explicit Conformance(std::string version) : CompatFixture(std::move(version)) {}

protected:
    /// Sets the mode of our whole side from now on.
    void share(Bullmq5 mode);
    /// Our operations on the queue of now.
    QueueContext& ours();
    /// Our stalled checks.
    void weCheck(int intervalMs, int maxStalledCount = 1) {
        weCheck(ours(), intervalMs, maxStalledCount);
    }
    void weCheck(const QueueContext& context, int intervalMs, int maxStalledCount = 1);
    /// The job's fields in the queue of now.
    std::map<std::string, std::string> fieldsOf(const std::string& id);
    /// The keys of the queue without "bull:<queue>:", sorted.
    std::vector<std::string> suffixes();
    /// The members of a zset, lowest score first.
    std::vector<std::string> members(const std::string& set);
    double scoreOf(const std::string& set, const std::string& id);
    /// How many of these keys of the queue exist.
    std::int64_t existing(const std::vector<std::string>& suffixes);

    /// The stream, a line for each entry: "waiting 1 prev=active".
    std::vector<std::string> streamed();
    /// The lines of one job, joined by " | ", without its id.
    std::string eventsOf(const std::string& id);
    std::int64_t countOf(const std::string& line);
    void untilStreamed(const std::string& line);

    /// Waits until `count` workers sleep on a marker.
    void untilAsleep(int count = 1);
    /// The job began when it was due and not at some later poll of a sleeping worker, which would be 5 s away.
    void expectPrompt(const std::string& id, std::int64_t delayMs = 0);
    /// Waits for a later millisecond, so that what comes next has another score.
    void nextMillisecond();
    /// Adds, and waits until it has completed or failed.
    std::string run(Side producer,
                    const std::string& name,
                    const std::string& data = "{}",
                    const std::string& opts = "{}");
    /// The state that the event of an immediate retry names as the one before: 5.48.1 has a word of its own, which `auto`
    /// follows.
    [[nodiscard]] std::string retriedFrom() const { return is548() ? "failed" : "active"; }
    /// "(none)" if the hash has no such field.
    std::string fieldOrNone(const std::string& id, const std::string& name);

    /// One call of advance that finishes one job, and claims `claim` further jobs under "next". Returns its code.
    int finish(const std::string& id,
               const std::string& token,
               bool completed = true,
               int claim = 0);
    /// A worker of Node's that claims nothing, but whose stalled checks run.
    void nodeChecks(int intervalMs, int maxStalledCount = 1);

private:
    std::unique_ptr<QueueContext> ours_;
};

}  // namespace drover::test
