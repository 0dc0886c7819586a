#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include <cppunit/TestFixture.h>

#include "core/ClaimedJob.h"
#include "core/Clock.h"
#include "drover/Job.h"
#include "queue/QueueContext.h"
#include "redis/RedisClient.h"
#include "support/Patience.h"
#include "support/RedisServer.h"

namespace drover::test {

/// A fresh queue on a real Redis for each test, and a small language to look at it.
class RedisFixture : public CppUnit::TestFixture {
public:
    void setUp() override;
    void tearDown() override;

protected:
    /// A server for this test alone, with a fresh queue on it. `extra`: more arguments of redis-server.
    void useOwnServer(const std::vector<std::string>& extra = {});

    /// One command; throws for error replies.
    Reply redis(const std::vector<std::string>& args);
    [[nodiscard]] std::string text(const std::vector<std::string>& args);
    [[nodiscard]] std::int64_t number(const std::vector<std::string>& args);
    /// LRANGE 0 -1, head first.
    [[nodiscard]] std::vector<std::string> list(const std::string& key);
    /// HGETALL of a job.
    [[nodiscard]] std::map<std::string, std::string> hash(const std::string& id);
    /// "added 1 name=x", … : event, jobId, then the other fields in the order of the stream.
    [[nodiscard]] std::vector<std::string> events();

    /// Adds a plain job through the script; `opts` is the stored JSON.
    std::string addJob(const std::string& name = "test",
                       const std::string& data = "{}",
                       const std::string& opts = "{\"attempts\":0}");
    /// Claims up to `count` jobs with this token.
    std::vector<ClaimedJob> claim(
        int count,
        const std::string& token = "token",
        std::chrono::milliseconds lockDuration = std::chrono::seconds(10));
    [[nodiscard]] JobState stateOf(const std::string& id);
    /// A whole search for lost jobs; returns how many it found.
    std::size_t rescueLost(const QueueContext& context);

    /// Polls until `condition` holds; fails the test with `what` after `timeout`.
    static void eventually(const std::string& what,
                           const std::function<bool()>& condition,
                           std::chrono::milliseconds timeout = kPatience);

    [[nodiscard]] RedisOptions options() const;
    /// options() with another port: that of a proxy, or of another server.
    [[nodiscard]] RedisOptions optionsAt(std::uint16_t port) const {
        RedisOptions at = options();
        at.port = port;
        return at;
    }
    /// The same without TLS: of a proxy that reads what passes, before the plain port of the server.
    [[nodiscard]] RedisOptions plainAt(std::uint16_t port) const {
        RedisOptions at = optionsAt(port);
        at.tls.reset();
        return at;
    }
    [[nodiscard]] const QueueKeys& keys() const { return context_->keys(); }
    [[nodiscard]] QueueContext& context() { return *context_; }
    [[nodiscard]] RedisClient& client() { return *client_; }

    RedisServer* server_ = nullptr;  ///< The shared one, or the test's own.
    std::unique_ptr<RedisServer> own_;
    SystemClock clock_;

private:
    void use(RedisServer& server);

    std::unique_ptr<QueueContext> context_;
    std::unique_ptr<RedisClient> client_;
};

}  // namespace drover::test
