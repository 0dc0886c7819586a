#include "operate/ServerExamination.h"

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <utility>

namespace drover {

namespace {

/// A clock that is further off than this delays or hurries jobs noticeably.
constexpr std::int64_t kClockOffMs = 1000;
constexpr int kOldestMajor = 6;
constexpr int kOldestMinor = 2;

/// Returns the value behind "name:" in a reply of INFO; empty: there is none.
std::string infoValue(std::string_view info, const std::string& name) {
    const std::size_t at = info.find("\n" + name + ":");
    if (at == std::string_view::npos) {
        return "";
    }
    const std::string_view value = info.substr(at + name.size() + 2);
    return std::string(value.substr(0, value.find_first_of("\r\n")));
}

/// Returns true if a version, as "7.0.15", is older than `major`.`minor`. A text that is not a version is not.
bool isOlder(const std::string& version, int major, int minor) {
    int parts[2] = {0, 0};
    return std::sscanf(version.c_str(), "%d.%d", &parts[0], &parts[1]) == 2 &&
           std::pair(parts[0], parts[1]) < std::pair(major, minor);
}

/// Adds a finding for each command that the user of the access list may not send. `read`: sends a command.
template <typename Read>
void addMissingRights(const Read& read, std::vector<QueueFinding>& findings) {
    struct Right {
        std::vector<std::string_view> command;
        const char* without;
    };
    static const Right kRights[] = {
        {{"EVAL", "return 1", "0"}, "no job can be added or worked"},
        {{"ECHO", "drover"}, "a proxy that shifts replies is noticed too late"},
        {{"TIME"}, "the clock of this machine counts in place of Redis's"},
        {{"ROLE"}, "a replica counts as a master until it refuses a write"},
        {{"INFO", "server"}, "neither version, eviction nor persistence can be examined"},
    };
    for (const Right& right : kRights) {
        Command command;
        for (const std::string_view word : right.command) {
            command.add(word);
        }
        const Reply reply = read(command);
        if (reply.isError() && reply.text().rfind("NOPERM", 0) == 0) {
            const std::string name(right.command.front());
            findings.push_back({"no-right",
                                name,
                                "",
                                "the user may not send " + name + ": " + right.without +
                                    "; docs/redis.md has the rights that suffice",
                                false});
        }
    }
}

}  // namespace

std::vector<QueueFinding> examineServer(RedisClient& client, const Clock& clock) {
    std::vector<QueueFinding> findings;
    // Not through call(): a user without these rights may still examine queues.
    const auto read = [&client](const Command& command) {
        return client.connection().call(command);
    };

    addMissingRights(read, findings);
    const Reply server = read(Command{"INFO", "server"});
    const std::string version = infoValue(server.text(), "redis_version");
    if (!server.isError() && isOlder(version, kOldestMajor, kOldestMinor)) {
        findings.push_back({"version",
                            "redis_version",
                            "",
                            "Redis " + version + " is older than " + std::to_string(kOldestMajor) +
                                "." + std::to_string(kOldestMinor) +
                                ", for which Drover and BullMQ are made: scripts may fail",
                            false});
    }
    const Reply memory = read(Command{"INFO", "memory"});
    const std::string policy = infoValue(memory.text(), "maxmemory_policy");
    if (!memory.isError() && !policy.empty() && policy != "noeviction") {
        findings.push_back({"eviction",
                            "maxmemory-policy",
                            "",
                            "Redis deletes keys of queues when its memory is full (" + policy +
                                "); set maxmemory-policy to noeviction",
                            false});
    }
    const Reply persistence = read(Command{"INFO", "persistence"});
    const Reply save = read(Command{"CONFIG", "GET", "save"});
    if (!persistence.isError() && infoValue(persistence.text(), "aof_enabled") == "0" &&
        !save.isError() && save.size() == 2 && save.at(1).text().empty()) {
        findings.push_back({"no-persistence",
                            "appendonly",
                            "",
                            "Redis stores nothing on disk: a restart loses every job; set "
                            "appendonly to yes",
                            false});
    }
    const std::int64_t beforeMs = clock.wallMs();
    const Reply time = read(Command{"TIME"});
    const std::int64_t afterMs = clock.wallMs();
    if (!time.isError() && time.size() == 2) {
        const std::int64_t serverMs = time.at(0).integer() * 1000 + time.at(1).integer() / 1000;
        const std::int64_t offMs = serverMs - (beforeMs + afterMs) / 2;
        const std::int64_t uncertainMs = (afterMs - beforeMs) / 2;
        if (offMs - uncertainMs > kClockOffMs || offMs + uncertainMs < -kClockOffMs) {
            findings.push_back({"clock",
                                "TIME",
                                "",
                                "the clock of Redis is " + std::to_string(std::abs(offMs)) +
                                    " ms " + (offMs > 0 ? "ahead of" : "behind") +
                                    " that of this machine: clients of other engines store times "
                                    "of their own",
                                false});
        }
    }
    return findings;
}

}  // namespace drover
