#include "chaos/QueueState.h"

#include <memory>

#include <cppunit/TestAssert.h>

#include "drover/Exceptions.h"
#include "support/OrphanScan.h"
#include "support/RedisServer.h"

namespace drover::test {

namespace {

RedisOptions optionsFor(int port) {
    RedisOptions options(redisAt(port));
    options.commandTimeout =
        std::chrono::seconds(20);  // The whole stream of a long run is one reply.
    return options;
}

std::string join(const std::vector<std::string>& words) {
    std::string text;
    for (const std::string& word : words) {
        text += (text.empty() ? "" : ", ") + word;
    }
    return text;
}

}  // namespace

QueueState::QueueState(int port, const std::string& queue) : keys_("bull", queue) {
    useServer(port);
}

void QueueState::useServer(int port) {
    client_ = std::make_unique<RedisClient>(optionsFor(port), "chaos");
}

Reply QueueState::call(const std::vector<std::string>& args) {
    Command command;
    for (const std::string& arg : args) {
        command.add(arg);
    }
    return client_->call(command);
}

void QueueState::reset() {
    call({"FLUSHALL"});
    call({"HSET", keys_.meta, "opts.maxLenEvents", "100000000"});
}

std::int64_t QueueState::active() {
    return call({"LLEN", keys_.active}).integer();
}

bool QueueState::idle() {
    try {
        // One command: between two commands a job could move from one list to another.
        return call({"EXISTS",
                     keys_.wait,
                     keys_.paused,
                     keys_.prioritized,
                     keys_.delayed,
                     keys_.active})
                   .integer() == 0;
    } catch (const RedisIoException&) {
        return false;
    }
}

void QueueState::assertEndings(std::int64_t reserved, std::int64_t rejected) {
    std::map<std::string, int> endings;
    std::int64_t completed = 0;
    std::int64_t failed = 0;
    const Reply events = call({"XRANGE", keys_.events, "-", "+"});
    for (std::size_t i = 0; i < events.size(); ++i) {
        std::map<std::string, std::string> fields;
        const ReplyView entry = events.at(i).at(1);
        for (std::size_t k = 0; k + 1 < entry.size(); k += 2) {
            fields.emplace(entry.at(k).text(), entry.at(k + 1).text());
        }
        const std::string& event = fields["event"];
        if (event == "failed") {
            const std::string& reason = fields["failedReason"];
            CPPUNIT_ASSERT_MESSAGE("job " + fields["jobId"] + " failed: " + reason,
                                   reason == "sold out" || reason == "already reserved");
            ++failed;
        }
        completed += event == "completed" ? 1 : 0;
        if (event == "completed" || event == "failed") {
            CPPUNIT_ASSERT_EQUAL_MESSAGE(
                "endings of job " + fields["jobId"], 1, ++endings[fields["jobId"]]);
        }
    }
    CPPUNIT_ASSERT_EQUAL_MESSAGE("jobs completed, and reservations", reserved, completed);
    CPPUNIT_ASSERT_EQUAL_MESSAGE("jobs failed, and rejections", rejected, failed);
}

void QueueState::assertFirstAttempts(std::int64_t count) {
    const std::set<std::string> completed = members(keys_.completed);
    CPPUNIT_ASSERT_EQUAL(count, static_cast<std::int64_t>(completed.size()));
    for (const std::string& id : completed) {
        CPPUNIT_ASSERT_EQUAL_MESSAGE("attempts made of job " + id,
                                     std::string("1"),
                                     std::string(call({"HGET", keys_.job(id), "atm"}).text()));
    }
}

std::set<std::string> QueueState::members(const std::string& key) {
    const std::string type(call({"TYPE", key}).text());
    std::set<std::string> found;
    if (type != "none") {
        const Reply reply = type == "list"   ? call({"LRANGE", key, "0", "-1"})
                            : type == "zset" ? call({"ZRANGE", key, "0", "-1"})
                                             : call({"SMEMBERS", key});
        for (std::size_t i = 0; i < reply.size(); ++i) {
            found.emplace(reply.at(i).text());
        }
    }
    return found;
}

void QueueState::assertClean() {
    const std::set<std::string> active = members(keys_.active);
    std::set<std::string> listed = active;
    for (const std::string& key : {keys_.wait,
                                   keys_.paused,
                                   keys_.prioritized,
                                   keys_.delayed,
                                   keys_.waitingChildren,
                                   keys_.completed,
                                   keys_.failed}) {
        listed.merge(members(key));
    }
    const std::set<std::string> own = {keys_.wait,
                                       keys_.paused,
                                       keys_.active,
                                       keys_.prioritized,
                                       keys_.delayed,
                                       keys_.waitingChildren,
                                       keys_.completed,
                                       keys_.failed,
                                       keys_.idCounter,
                                       keys_.meta,
                                       keys_.events,
                                       keys_.marker,
                                       keys_.pc,
                                       keys_.limiter,
                                       keys_.stalled,
                                       keys_.stalledCheck,
                                       keys_.repeat,
                                       keys_.rescue,
                                       keys_.rescueShared};
    std::vector<std::string> leftovers;
    const Reply all = call({"KEYS", "*"});
    for (std::size_t i = 0; i < all.size(); ++i) {
        const std::string key(all.at(i).text());
        if (own.count(key) > 0 || isReport(key)) {
            continue;
        }
        const std::string& prefix = keys_.jobPrefix();
        std::string id = key.rfind(prefix, 0) == 0 ? key.substr(prefix.size()) : "";
        const std::string lock = ":lock";
        const bool isLock =
            id.size() > lock.size() && id.compare(id.size() - lock.size(), lock.size(), lock) == 0;
        if (isLock) {
            id.resize(id.size() - lock.size());
        }
        if ((isLock ? active : listed).count(id) == 0) {
            leftovers.push_back(key);
        }
    }
    CPPUNIT_ASSERT_MESSAGE("left behind in Redis: " + join(leftovers), leftovers.empty());
    CPPUNIT_ASSERT_MESSAGE("jobs that are still to be done", idle());
}

bool QueueState::isReport(const std::string& key) {
    return key.rfind("bull:{drover}:process", 0) == 0;
}

std::string QueueState::orphans() {
    return join(findOrphans(*client_, keys_.jobPrefix() + "*"));
}

}  // namespace drover::test
