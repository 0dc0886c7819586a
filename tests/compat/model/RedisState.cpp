#include "compat/model/RedisState.h"

#include <algorithm>
#include <cctype>
#include <cstdio>
#include <cstdlib>
#include <set>
#include <utility>

#include "redis/Command.h"

namespace drover::test {

namespace {

/// ARGV: of each queue its name, and the id of the last event that is known.
constexpr const char* kRead = R"(
local all = {}
for i = 1, #ARGV, 2 do
  for _, key in ipairs(redis.call('KEYS', ARGV[i] .. ':*')) do
    local type = redis.call('TYPE', key).ok
    local values = {}
    if type == 'string' then values = {redis.call('GET', key)}
    elseif type == 'list' then values = redis.call('LRANGE', key, 0, -1)
    elseif type == 'set' then values = redis.call('SMEMBERS', key)
    elseif type == 'zset' then values = redis.call('ZRANGE', key, 0, -1, 'WITHSCORES')
    elseif type == 'hash' then values = redis.call('HGETALL', key)
    elseif type == 'stream' then values = redis.call('XRANGE', key, '(' .. ARGV[i + 1], '+') end
    all[#all + 1] = {key, type, redis.call('PTTL', key), values}
  end
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

/// Returns the same text as QueueModel::keys() has for the key.
std::string textOf(const std::string& key, const StoredKey& stored) {
    static const std::set<std::string> kJson = {"opts", "parent"};
    std::vector<std::string> lines;
    if (stored.type == "hash") {
        for (const auto& [field, value] : stored.pairs()) {
            if (key.ends_with(":meta") && field == "version") {
                continue;
            }
            lines.push_back(field + "=" + (kJson.count(field) > 0 ? canonicalJson(value) : value));
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
    before_ = std::exchange(keys_, {});
    std::vector<std::string> read = {"EVAL", kRead, "0"};
    for (const std::string& queue : queues_) {
        events_[queue].clear();
        read.push_back(queue);
        read.push_back(lastEvents_[queue]);
    }
    const Reply reply = call(redis_, read);
    for (std::size_t i = 0; i < reply.size(); ++i) {
        const ReplyView entry = reply.at(i);
        const std::string key(entry.at(0).text());
        const ReplyView values = entry.at(3);
        StoredKey stored;
        stored.type = entry.at(1).text();
        stored.expires = entry.at(2).integer() > 0;
        if (stored.type == "stream") {
            addEvents(queueNameOf(key), values);
            continue;
        }
        for (std::size_t k = 0; k < values.size(); ++k) {
            stored.values.emplace_back(values.at(k).text());
        }
        keys_.emplace(key, std::move(stored));
    }
}

void RedisState::addEvents(const std::string& queue, ReplyView entries) {
    std::vector<std::string>& lines = events_[queue];
    for (std::size_t i = 0; i < entries.size(); ++i) {
        lastEvents_[queue] = entries.at(i).at(0).text();
        const ReplyView fields = entries.at(i).at(1);
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
