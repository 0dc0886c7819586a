#include "support/RedisFixture.h"

#include <chrono>
#include <thread>

#include <cppunit/TestAssert.h>

#include "core/HashSlot.h"
#include "queue/QueueContext.h"
#include "queue/ops/Add.h"
#include "queue/ops/Advance.h"
#include "queue/ops/Read.h"
#include "worker/upkeep/LostJobs.h"

namespace drover::test {

void RedisFixture::setUp() {
    use(RedisServer::shared());
}

void RedisFixture::useOwnServer(const std::vector<std::string>& extra) {
    own_ = std::make_unique<RedisServer>(extra);
    use(*own_);
}

void RedisFixture::use(RedisServer& server) {
    static int number = 0;
    server_ = &server;
    context_ = std::make_unique<QueueContext>(
        QueueKeys("bull", queueTag() + "q" + std::to_string(++number)));
    // Tests look at everything, whatever rights Drover has.
    RedisOptions everyRight = options();
    everyRight.user.clear();
    everyRight.password.clear();
    client_ = std::make_unique<RedisClient>(everyRight, "test");
}

void RedisFixture::tearDown() {
    client_.reset();
    server_ = nullptr;
    own_.reset();
}

RedisOptions RedisFixture::options() const {
    RedisOptions options(redisAt(server_->port()));
    if (server_->port() == server_->plainPort()) {
        options.tls.reset();
    }
    if (options.isCluster()) {
        options.slot = hashSlot(keys().qualifiedName());
    }
    return options;
}

Reply RedisFixture::redis(const std::vector<std::string>& args) {
    Command command;
    for (const std::string& arg : args) {
        command.add(arg);
    }
    return client_->call(command);
}

std::string RedisFixture::text(const std::vector<std::string>& args) {
    return std::string(redis(args).text());
}

std::int64_t RedisFixture::number(const std::vector<std::string>& args) {
    return redis(args).integer();
}

std::vector<std::string> RedisFixture::list(const std::string& key) {
    const Reply reply = redis({"LRANGE", key, "0", "-1"});
    std::vector<std::string> items;
    for (std::size_t i = 0; i < reply.size(); ++i) {
        items.emplace_back(reply.at(i).text());
    }
    return items;
}

std::map<std::string, std::string> RedisFixture::hash(const std::string& id) {
    const Reply reply = redis({"HGETALL", keys().job(id)});
    std::map<std::string, std::string> fields;
    for (std::size_t i = 0; i + 1 < reply.size(); i += 2) {
        fields.emplace(reply.at(i).text(), reply.at(i + 1).text());
    }
    return fields;
}

std::vector<std::string> RedisFixture::events() {
    const Reply reply = redis({"XRANGE", keys().events, "-", "+"});
    std::vector<std::string> lines;
    for (std::size_t i = 0; i < reply.size(); ++i) {
        const ReplyView fields = reply.at(i).at(1);
        std::string line;
        for (std::size_t k = 0; k + 1 < fields.size(); k += 2) {
            const std::string name(fields.at(k).text());
            const std::string value(fields.at(k + 1).text());
            if (name == "event") {
                line += value;
            } else if (name == "jobId") {
                line += " " + value;
            } else {
                line += " " + name + "=" + value;
            }
        }
        lines.push_back(line);
    }
    return lines;
}

std::string RedisFixture::addJob(const std::string& name,
                                 const std::string& data,
                                 const std::string& opts) {
    JobRecord item;
    item.name = name;
    item.data = data;
    item.opts = opts;
    item.timestampMs = clock_.wallMs();
    return ops::addJobs(*context_, *client_, {item}, clock_.wallMs()).front().id;
}

std::vector<ClaimedJob> RedisFixture::claim(int count,
                                            const std::string& token,
                                            std::chrono::milliseconds lockDuration) {
    AdvanceRequest request;
    request.claim = count;
    request.token = token;
    request.lockDuration = lockDuration;
    return ops::advance(*context_, *client_, request, clock_.wallMs()).jobs();
}

JobState RedisFixture::stateOf(const std::string& id) {
    return ops::state(*context_, *client_, id);
}

std::size_t RedisFixture::rescueLost(const QueueContext& context) {
    LostJobsSearch search(context, clock_.wallMs());
    while (!search.step(client(), 100, clock_.wallMs())) {
    }
    return search.rescued();
}

void RedisFixture::eventually(const std::string& what,
                              const std::function<bool()>& condition,
                              std::chrono::milliseconds timeout) {
    const auto deadline = std::chrono::steady_clock::now() + timeout;
    while (!condition()) {
        if (std::chrono::steady_clock::now() >= deadline) {
            CPPUNIT_FAIL("not within the deadline: " + what);
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
}

}  // namespace drover::test
