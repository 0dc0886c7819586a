#include "queue/ops/Meta.h"

#include <algorithm>

#include "core/NodeNumber.h"
#include "drover/Exceptions.h"
#include "queue/ops/Replies.h"

namespace drover::ops {

namespace {

/// How many keys one SCAN looks at, about.
constexpr int kKeysPerScan = 1000;

/// Returns a pattern of Redis that means the text itself.
std::string quoted(const std::string& text) {
    std::string pattern;
    for (const char c : text) {
        if (std::string_view("\\*?[]").find(c) != std::string_view::npos) {
            pattern += '\\';
        }
        pattern += c;
    }
    return pattern;
}

/// Returns the fields of one line of CLIENT LIST: "id=7 addr=127.0.0.1:5000 … name=bull:cTE= …".
std::vector<std::pair<std::string, std::string>> fieldsOf(std::string_view line) {
    std::vector<std::pair<std::string, std::string>> fields;
    while (!line.empty()) {
        const std::string_view field = line.substr(0, std::min(line.find(' '), line.size()));
        const std::size_t equals = std::min(field.find('='), field.size());
        fields.emplace_back(field.substr(0, equals),
                            field.substr(std::min(equals + 1, field.size())));
        line.remove_prefix(std::min(field.size() + 1, line.size()));
    }
    return fields;
}

/// Reads each of the replies, and throws for one that is an error.
std::vector<Reply> read(RedisClient& redis, std::vector<Command>& commands) {
    std::vector<Reply> replies = redis.runAll(commands);
    for (std::size_t i = 0; i < replies.size(); ++i) {
        const auto& args = commands[i].args();
        redis.require(replies[i], std::string(args[0]), std::string(args[1]));
    }
    return replies;
}

}  // namespace

QueueMeta meta(const QueueContext& queue, RedisClient& redis) {
    const Reply reply = redis.call(Command{"HGETALL", queue.keys().meta});
    QueueMeta meta;
    const std::pair<std::string_view, std::optional<std::int64_t>*> numbers[] = {
        {"concurrency", &meta.concurrency},
        {"opts.maxLenEvents", &meta.maxLenEvents},
        {"max", &meta.max},
        {"duration", &meta.durationMs}};
    for (const auto& [name, value] : pairsOf(reply)) {
        const auto* const known =
            std::find_if(std::begin(numbers), std::end(numbers), [&name = name](const auto& one) {
                return one.first == name;
            });
        if (known != std::end(numbers)) {
            *known->second = nodeLeadingInteger(value);
        } else if (name == "paused") {
            meta.paused = true;
        } else if (name == "version") {
            meta.version = value;
        } else {
            meta.other.emplace_back(name, value);
        }
    }
    return meta;
}

bool isMaxed(const QueueContext& queue, RedisClient& redis) {
    std::vector<Command> commands;
    commands.push_back(Command{"HGET", queue.keys().meta, "concurrency"});
    commands.push_back(Command{"LLEN", queue.keys().active});
    const std::vector<Reply> replies = read(redis, commands);
    if (replies[0].isNil()) {
        return false;
    }
    // As claims read it: no number is no bound.
    return static_cast<double>(replies[1].integer()) >= nodeNumberOfText(replies[0].text());
}

std::map<int, std::int64_t> countsPerPriority(const QueueContext& queue,
                                              RedisClient& redis,
                                              const std::vector<int>& priorities) {
    constexpr std::int64_t kScores = std::int64_t{1} << 32;  // The scores of one priority.
    std::vector<Command> commands;
    commands.push_back(Command{"LLEN", queue.keys().wait});
    commands.push_back(Command{"LLEN", queue.keys().paused});
    for (const int priority : priorities) {
        commands.emplace_back(Command{"ZCOUNT", queue.keys().prioritized})
            .add(priority * kScores)
            .add((priority + 1) * kScores - 1);
    }
    const std::vector<Reply> replies = read(redis, commands);
    std::map<int, std::int64_t> counts;
    for (std::size_t i = 0; i < priorities.size(); ++i) {
        counts[priorities[i]] = priorities[i] == 0 ? replies[0].integer() + replies[1].integer()
                                                   : replies[i + 2].integer();
    }
    return counts;
}

std::int64_t delayedBefore(const QueueContext& queue, RedisClient& redis, std::int64_t timeMs) {
    constexpr std::int64_t kScores = 4096;  // The scores of one millisecond.
    return redis
        .call(Command{"ZCOUNT", queue.keys().delayed, "-inf"}.own("(" +
                                                                  std::to_string(timeMs * kScores)))
        .integer();
}

QueueMetrics metrics(const QueueContext& queue,
                     RedisClient& redis,
                     std::string_view state,
                     const PageRange& range) {
    const std::string key = queue.keys().job("metrics:" + std::string(state));
    const std::string data = key + ":data";
    std::vector<Command> commands;
    commands.push_back(Command{"HMGET", key, "count", "prevTS", "prevCount"});
    commands.emplace_back(Command{"LRANGE", data}).add(range.start).add(range.end);
    commands.push_back(Command{"LLEN", data});
    const std::vector<Reply> replies = read(redis, commands);
    QueueMetrics metrics;
    metrics.count = nodeLeadingInteger(replies[0].at(0).text());
    if (!replies[0].at(1).isNil()) {
        metrics.previousMs = nodeLeadingInteger(replies[0].at(1).text());
    }
    metrics.previousCount = nodeLeadingInteger(replies[0].at(2).text());
    for (std::size_t i = 0; i < replies[1].size(); ++i) {
        metrics.endsPerMinute.push_back(nodeLeadingInteger(replies[1].at(i).text()));
    }
    metrics.points = replies[2].integer();
    return metrics;
}

std::vector<WorkerInfo> workers(const QueueContext& queue, RedisClient& redis) {
    // Not through call(): a user without the right to CLIENT may still read everything else.
    const Reply reply = redis.connection().call(Command{"CLIENT", "LIST"});
    if (reply.isError()) {
        throw ScriptException("CLIENT LIST: " + std::string(reply.text()));
    }
    const std::string unnamed = queue.keys().workerClientName("");
    const std::string named = unnamed + ":w:";
    std::vector<WorkerInfo> workers;
    std::string_view lines = reply.text();
    while (!lines.empty()) {
        const std::string_view line = lines.substr(0, std::min(lines.find('\n'), lines.size()));
        lines.remove_prefix(std::min(line.size() + 1, lines.size()));
        WorkerInfo worker;
        worker.fields = fieldsOf(line);
        std::string_view connection;
        for (const auto& [name, value] : worker.fields) {
            if (name == "name") {
                connection = value;
            } else if (name == "addr") {
                worker.address = value;
            } else if (name == "age") {
                worker.age = std::chrono::seconds(nodeLeadingInteger(value));
            }
        }
        if (connection.substr(0, named.size()) == named) {
            worker.name = connection.substr(named.size());
        } else if (connection != unnamed) {
            continue;
        }
        workers.push_back(std::move(worker));
    }
    return workers;
}

QueueNames queueNames(RedisClient& redis, const std::string& prefix, const std::string& cursor) {
    const std::string before = prefix + ":";
    const std::string_view behind = ":meta";
    const std::string pattern = quoted(before) + "*" + std::string(behind);
    const Reply reply =
        redis.call(Command{"SCAN", cursor, "MATCH", pattern, "COUNT"}.add(kKeysPerScan));
    QueueNames page;
    page.cursor = reply.at(0).text();
    for (const std::string& key : textsOf(reply.at(1))) {
        if (key.size() <= before.size() + behind.size()) {
            continue;
        }
        std::string name = key.substr(before.size(), key.size() - before.size() - behind.size());
        // A colon: a key of something below a queue.
        if (name.find(':') == std::string::npos) {
            page.names.push_back(std::move(name));
        }
    }
    return page;
}

}  // namespace drover::ops
