#include "conformance/Conformance.h"

#include <algorithm>

#include <cppunit/TestAssert.h>

#include "queue/QueueContext.h"
#include "queue/ops/Advance.h"

namespace drover::test {

void Conformance::share(Bullmq5 mode) {
    bullmq5_ = mode;
    useQueue(queueName());
}

QueueContext& Conformance::ours() {
    if (ours_ == nullptr || ours_->bullmq5Mode() != bullmq5_ ||
        ours_->keys().qualifiedName() != "bull:" + queueName()) {
        sweeper_.reset();  // It may look at the old one.
        ours_ = std::make_unique<QueueContext>(QueueKeys("bull", queueName()), bullmq5_);
    }
    return *ours_;
}

void Conformance::weCheck(const QueueContext& context, int intervalMs, int maxStalledCount) {
    sweeper_ = std::make_unique<StalledSweeper>(std::make_unique<RedisClient>(options(), "stalled"),
                                                clock_);
    sweeper_->watch(context, std::chrono::milliseconds(intervalMs), maxStalledCount);
    sweeper_->start();
}

std::map<std::string, std::string> Conformance::fieldsOf(const std::string& id) {
    const Reply reply = redis({"HGETALL", key(id)});
    std::map<std::string, std::string> fields;
    for (std::size_t i = 0; i + 1 < reply.size(); i += 2) {
        fields.emplace(reply.at(i).text(), reply.at(i + 1).text());
    }
    return fields;
}

std::vector<std::string> Conformance::suffixes() {
    std::vector<std::string> names;
    const Reply keys = redis({"KEYS", key("*")});
    for (std::size_t i = 0; i < keys.size(); ++i) {
        names.emplace_back(keys.at(i).text().substr(key("").size()));
    }
    std::sort(names.begin(), names.end());
    return names;
}

std::vector<std::string> Conformance::members(const std::string& set) {
    const Reply reply = redis({"ZRANGE", key(set), "0", "-1"});
    std::vector<std::string> ids;
    for (std::size_t i = 0; i < reply.size(); ++i) {
        ids.emplace_back(reply.at(i).text());
    }
    return ids;
}

double Conformance::scoreOf(const std::string& set, const std::string& id) {
    const Reply reply = redis({"ZSCORE", key(set), id});
    CPPUNIT_ASSERT_MESSAGE(set + " has no " + id, !reply.isNil());
    return std::stod(std::string(reply.text()));
}

std::int64_t Conformance::existing(const std::vector<std::string>& suffixes) {
    std::vector<std::string> command = {"EXISTS"};
    for (const std::string& suffix : suffixes) {
        command.push_back(key(suffix));
    }
    return number(command);
}

std::vector<std::string> Conformance::streamed() {
    const Reply reply = redis({"XRANGE", key("events"), "-", "+"});
    std::vector<std::string> lines;
    for (std::size_t i = 0; i < reply.size(); ++i) {
        const ReplyView fields = reply.at(i).at(1);
        std::string line;
        for (std::size_t k = 0; k + 1 < fields.size(); k += 2) {
            const std::string name(fields.at(k).text());
            line += name == "event" ? "" : name == "jobId" ? " " : " " + name + "=";
            line += fields.at(k + 1).text();
        }
        lines.push_back(line);
    }
    return lines;
}

std::string Conformance::eventsOf(const std::string& id) {
    std::string found;
    for (const std::string& line : streamed()) {
        const std::size_t at = line.find(' ');
        if (at != std::string::npos && line.substr(at + 1, line.find(' ', at + 1) - at - 1) == id) {
            const std::size_t rest = line.find(' ', at + 1);
            found += (found.empty() ? "" : " | ") + line.substr(0, at) +
                     (rest == std::string::npos ? "" : line.substr(rest));
        }
    }
    return found;
}

std::int64_t Conformance::countOf(const std::string& line) {
    const std::vector<std::string> lines = streamed();
    return std::count(lines.begin(), lines.end(), line);
}

void Conformance::untilStreamed(const std::string& line) {
    eventually("event " + line, [&] { return countOf(line) > 0; });
}

void Conformance::untilAsleep(int count) {
    eventually(std::to_string(count) + " workers sleep", [&] {
        const std::string info = text({"INFO", "clients"});
        const std::string label = "blocked_clients:";
        // Node's event readers sleep as well: XREAD. Theirs do not count.
        const std::string clients = text({"CLIENT", "LIST"});
        int readers = 0;
        for (std::size_t at = clients.find("cmd=xread"); at != std::string::npos;
             at = clients.find("cmd=xread", at + 1)) {
            ++readers;
        }
        return std::stoi(info.substr(info.find(label) + label.size())) >= count + readers;
    });
}

void Conformance::expectPrompt(const std::string& id, std::int64_t delayMs) {
    const std::int64_t late =
        std::stoll(field(id, "processedOn")) - std::stoll(field(id, "timestamp")) - delayMs;
    CPPUNIT_ASSERT_MESSAGE(std::to_string(late) + " ms late", late >= 0 && late < 4000);
}

void Conformance::nextMillisecond() {
    const std::int64_t now = clock_.wallMs();
    eventually("the clock moved", [&] { return clock_.wallMs() > now; });
}

std::string Conformance::run(Side producer,
                             const std::string& name,
                             const std::string& data,
                             const std::string& opts) {
    const std::string id = add(producer, name, data, opts);
    eventually("job " + id + " finished", [&] {
        return !redis({"ZSCORE", key("completed"), id}).isNil() ||
               !redis({"ZSCORE", key("failed"), id}).isNil();
    });
    nextMillisecond();
    return id;
}

std::string Conformance::fieldOrNone(const std::string& id, const std::string& name) {
    const Reply reply = redis({"HGET", key(id), name});
    return reply.isNil() ? "(none)" : std::string(reply.text());
}

int Conformance::finish(const std::string& id,
                        const std::string& token,
                        bool completed,
                        int claim) {
    AdvanceRequest request;
    FinishItem item;
    item.id = id;
    item.token = token;
    item.completed = completed;
    item.value = completed ? "{\"done\":1}" : "broken";
    item.stacktrace = "[]";
    const Reply owned = redis({"HGET", key(id), "deid"});
    item.deduplicationId = owned.isNil() ? "" : owned.text();
    request.finish.push_back(item);
    request.claim = claim;
    request.token = "next";
    request.lockDuration = std::chrono::seconds(10);
    return ops::advance(ours(), client(), request, clock_.wallMs()).codes.at(0);
}

void Conformance::nodeChecks(int intervalMs, int maxStalledCount) {
    node("worker.start",
         R"("worker": "checker", "opts": {"autorun": false, "stalledInterval": )" +
             std::to_string(intervalMs) +
             ", \"maxStalledCount\": " + std::to_string(maxStalledCount) + "}");
    node("worker.startStalledCheckTimer", R"("worker": "checker")");
}

}  // namespace drover::test
