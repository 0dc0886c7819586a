#include "compat/model/RedisState.h"

#include <algorithm>
#include <cctype>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <set>
#include <utility>

#include "redis/Command.h"

namespace drover::test {

namespace {

/// The clocks of the two clients may differ by so much, in milliseconds.
constexpr std::int64_t kTolerance = 100;

constexpr const char* kDump = R"(
local all = {}
for _, key in ipairs(redis.call('KEYS', ARGV[1])) do
  local type = redis.call('TYPE', key).ok
  local values = {}
  if type == 'string' then values = {redis.call('GET', key)}
  elseif type == 'list' then values = redis.call('LRANGE', key, 0, -1)
  elseif type == 'set' then values = redis.call('SMEMBERS', key)
  elseif type == 'zset' then values = redis.call('ZRANGE', key, 0, -1, 'WITHSCORES')
  elseif type == 'hash' then values = redis.call('HGETALL', key) end
  all[#all + 1] = {key, type, redis.call('PTTL', key), values}
end
return all)";

Reply call(RedisClient& redis, const std::vector<std::string>& args) {
    Command command;
    for (const std::string& arg : args) {
        command.add(arg);
    }
    return redis.call(command);
}

std::string scoreText(const std::string& score) {
    char text[32];
    std::snprintf(text, sizeof(text), "%.17g", std::strtod(score.c_str(), nullptr));
    return text;
}

/// Returns the options of a scheduler's job with the time of the job for that of its client, which BullMQ reads a little before.
std::string withTimeOfJob(std::string opts, const std::string& timestamp) {
    static const std::string kMember = "\"timestamp\":";
    const std::size_t at = opts.find(kMember);
    if (at == std::string::npos) {
        return opts;
    }
    const std::size_t from = at + kMember.size();
    const std::size_t length = opts.find_first_not_of("0123456789", from) - from;
    const std::int64_t later = std::stoll(timestamp) - std::stoll(opts.substr(from, length));
    return later >= 0 && later <= kTolerance ? opts.replace(from, length, timestamp) : opts;
}

/// Returns the same text as QueueModel::keys() has for the key.
std::string textOf(const std::string& key, const StoredKey& stored) {
    static const std::set<std::string> kJson = {"opts", "parent"};
    std::vector<std::string> lines;
    if (stored.type == "hash") {
        const auto fields = stored.pairs();
        for (const auto& [field, value] : fields) {
            if (key.ends_with(":meta") && field == "version") {
                continue;
            }
            std::string text = kJson.count(field) > 0 ? canonicalJson(value) : value;
            if (field == "opts" && fields.count("rjk") > 0) {
                text = withTimeOfJob(std::move(text), fields.at("timestamp"));
            }
            lines.push_back(field + "=" + text);
        }
    } else if (stored.type == "zset") {
        for (std::size_t i = 0; i + 1 < stored.values.size(); i += 2) {
            lines.push_back(stored.values[i] + " at " + scoreText(stored.values[i + 1]));
        }
    } else {
        lines = stored.values;
        if (stored.type == "set") {
            std::sort(lines.begin(), lines.end());
        }
    }
    std::string text;
    for (const std::string& line : lines) {
        text += (text.empty() ? "" : " | ") + line;
    }
    return text + (stored.expires ? " expires" : "");
}

std::int64_t milliseconds(const std::string& score) {
    return static_cast<std::int64_t>(std::strtod(score.c_str(), nullptr));
}

}  // namespace

std::map<std::string, std::string> StoredKey::pairs() const {
    std::map<std::string, std::string> all;
    for (std::size_t i = 0; i + 1 < values.size(); i += 2) {
        all[values[i]] = values[i + 1];
    }
    return all;
}

RedisState::RedisState(RedisClient& redis, std::vector<std::string> queues)
    : redis_(redis), queues_(std::move(queues)) {
    restart();
}

void RedisState::restart() {
    for (const std::string& queue : queues_) {
        lastEvents_[queue] = "0-0";
        events_[queue].clear();
    }
    read();
}

void RedisState::read() {
    readKeys();
    for (const std::string& queue : queues_) {
        readEvents(queue);
    }
}

void RedisState::readKeys() {
    before_ = std::exchange(keys_, {});
    for (const std::string& queue : queues_) {
        const Reply reply = call(redis_, {"EVAL", kDump, "0", queue + ":*"});
        for (std::size_t i = 0; i < reply.size(); ++i) {
            const ReplyView entry = reply.at(i);
            StoredKey stored;
            stored.type = entry.at(1).text();
            stored.expires = entry.at(2).integer() > 0;
            const ReplyView values = entry.at(3);
            for (std::size_t k = 0; k < values.size(); ++k) {
                stored.values.emplace_back(values.at(k).text());
            }
            if (stored.type != "stream") {
                keys_.emplace(entry.at(0).text(), std::move(stored));
            }
        }
    }
}

void RedisState::readEvents(const std::string& queue) {
    const Reply reply = call(redis_, {"XRANGE", queue + ":events", "(" + lastEvents_[queue], "+"});
    std::vector<std::string>& lines = events_[queue];
    lines.clear();
    for (std::size_t i = 0; i < reply.size(); ++i) {
        lastEvents_[queue] = reply.at(i).at(0).text();
        const ReplyView fields = reply.at(i).at(1);
        std::string line;
        for (std::size_t k = 0; k + 1 < fields.size(); k += 2) {
            const std::string field(fields.at(k).text());
            line += field == "event" ? "" : field == "jobId" ? " " : " " + field + "=";
            line += fields.at(k + 1).text();
        }
        // A clean of Drover's makes as many calls as it needs, with an event each.
        static const std::string kCleaned = "cleaned count=";
        if (line.starts_with(kCleaned) && !lines.empty() && lines.back().starts_with(kCleaned)) {
            const int sum = std::stoi(lines.back().substr(kCleaned.size())) +
                            std::stoi(line.substr(kCleaned.size()));
            lines.back() = kCleaned + std::to_string(sum);
            continue;
        }
        lines.push_back(line);
    }
}

std::vector<std::string> RedisState::listBefore(const std::string& key) const {
    const auto found = before_.find(key);
    return found == before_.end() ? std::vector<std::string>() : found->second.values;
}

std::vector<std::string> RedisState::listNow(const std::string& key) const {
    const auto found = keys_.find(key);
    return found == keys_.end() ? std::vector<std::string>() : found->second.values;
}

void RedisState::reorder(const std::string& key, const std::vector<std::string>& ids) {
    if (listNow(key) == ids) {
        return;
    }
    call(redis_, {"DEL", key});
    std::vector<std::string> push = {"RPUSH", key};
    push.insert(push.end(), ids.begin(), ids.end());
    call(redis_, push);
    keys_.at(key).values = ids;
}

Moments RedisState::moments(std::int64_t from, std::int64_t to) const {
    std::optional<std::int64_t> now, scheduled;
    const auto consider = [&](std::optional<std::int64_t>& found, std::int64_t moment) {
        if (!found && moment >= from - kTolerance && moment <= to + kTolerance) {
            found = moment;
        }
    };
    const auto pairsIn = [](const StoredKeys& keys, const std::string& key) {
        const auto at = keys.find(key);
        return at == keys.end() ? std::map<std::string, std::string>() : at->second.pairs();
    };
    const auto isFreshRun = [&](const std::string& job) {
        const auto fields = pairsIn(keys_, job);
        return fields.count("rjk") > 0 &&
               pairsIn(before_, job)["timestamp"] != fields.at("timestamp");
    };
    for (const auto& [key, stored] : keys_) {
        const auto same = before_.find(key);
        if (same != before_.end() && same->second.values == stored.values) {
            continue;
        }
        if (key.ends_with(":stalled-check")) {
            consider(now, std::stoll(stored.values.at(0)));
        }
        if (stored.type != "hash" && stored.type != "zset") {
            continue;
        }
        const auto earlier = pairsIn(before_, key);
        for (const auto& [name, value] : stored.pairs()) {
            const auto was = earlier.find(name);
            if (was != earlier.end() && was->second == value) {
                continue;
            }
            if (stored.type == "hash") {
                if (name == "processedOn" || name == "finishedOn") {
                    consider(now, std::stoll(value));
                } else if (name == "timestamp") {
                    consider(isFreshRun(key) ? scheduled : now, std::stoll(value));
                }
            } else if (key.ends_with(":delayed")) {
                const std::string job = queueNameOf(key) + ":" + name;
                const auto fields = pairsIn(keys_, job);
                if (fields.count("delay") > 0 && !isFreshRun(job)) {
                    consider(now, milliseconds(value) / 4096 - std::stoll(fields.at("delay")));
                }
            } else if (!key.ends_with(":prioritized") && !key.ends_with(":marker") &&
                       !key.ends_with(":repeat")) {
                consider(now, milliseconds(value));
            }
        }
    }
    const std::int64_t any = now.value_or(scheduled.value_or(from));
    return {any, scheduled.value_or(any)};
}

std::string RedisState::differentKeys(const QueueModel& model) const {
    std::map<std::string, std::string> theirs;
    for (const auto& [key, stored] : keys_) {
        if (std::string text = textOf(key, stored); !text.empty()) {
            theirs[key] = std::move(text);
        }
    }
    const auto mine = model.keys();
    std::string text;
    const auto line =
        [&](const std::string& key, const std::string& modelled, const std::string& real) {
            text += "  " + key + "\n    model   " + modelled + "\n    Redis   " + real + "\n";
        };
    for (const auto& [key, modelled] : mine) {
        const auto real = theirs.find(key);
        if (real == theirs.end() || real->second != modelled) {
            line(key, modelled, real == theirs.end() ? "(none)" : real->second);
        }
    }
    for (const auto& [key, real] : theirs) {
        if (mine.count(key) == 0) {
            line(key, "(none)", real);
        }
    }
    return text;
}

std::string RedisState::differentEvents(QueueModel& model, bool anyOrder) const {
    std::string text;
    for (const std::string& queue : queues_) {
        std::vector<std::string> mine = model.popEvents(queue);
        std::vector<std::string> theirs = events_.at(queue);
        if (anyOrder) {
            std::sort(mine.begin(), mine.end());
            std::sort(theirs.begin(), theirs.end());
        }
        if (mine == theirs) {
            continue;
        }
        text += "  events of " + queue + "\n";
        for (const std::string& line : mine) {
            text += "    model   " + line + "\n";
        }
        for (const std::string& line : theirs) {
            text += "    Redis   " + line + "\n";
        }
    }
    return text;
}

std::string RedisState::keysBefore(const std::string& text) const {
    std::set<std::string> words;
    std::string word;
    for (const char c : text + " ") {
        if (std::isalnum(static_cast<unsigned char>(c)) != 0) {
            word += c;
        } else {
            words.insert(std::exchange(word, ""));
        }
    }
    std::string all;
    for (const auto& [key, stored] : before_) {
        const std::string rest = idOf(key);
        if (words.count(rest.substr(0, rest.find(':'))) > 0) {
            all += "  " + key + "\n    before  " + textOf(key, stored) + "\n";
        }
    }
    return all;
}

}  // namespace drover::test
