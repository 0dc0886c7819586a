#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "AdminRoutes.h"
#include "HttpFixture.h"
#include "drover/AccessToken.h"
#include "drover/Json.h"
#include "drover/Redis.h"
#include "support/RedisFixture.h"

namespace drover::test {

/// The routes of the plugin admin on a real front, with a token for each scope, before a real Redis.
class AdminFixture : public HttpFixture {
public:
    void setUp() override {
        store_.setUp();
        HttpFixture::setUp();
        auto rules = std::make_shared<api::Gatekeeper::Rules>();
        rules->tokens = api::TokenTable({entry("read"), entry("operate"), entry("destroy")});
        frontSettings_.rules = rules;
        serve("*");
    }

    void tearDown() override {
        HttpFixture::tearDown();
        if (shared_.events) {
            shared_.events->stop();
            shared_.work->stop();
        }
        routes_.reset();
        shared_ = {};
        store_.tearDown();
    }

protected:
    /// A queue's Redis, to look at.
    class Store : public RedisFixture {
    public:
        using RedisFixture::addJob;
        using RedisFixture::claim;
        using RedisFixture::eventually;
        using RedisFixture::hash;
        using RedisFixture::keys;
        using RedisFixture::list;
        using RedisFixture::number;
        using RedisFixture::options;
        using RedisFixture::redis;
        using RedisFixture::server_;
        using RedisFixture::stateOf;
        using RedisFixture::text;
        using RedisFixture::useOwnServer;
    };

    /// Serves the routes for the queues that `globs` name, on the server of the store.
    void serve(const std::string& globs) {
        server_.reset();
        Redis::Settings redis = redisAt(store_.server_->port());
        queues_ = std::make_shared<const admin::AdminQueues>(
            globs,
            Redis(redis),
            [this](const std::string& name) {
                Queue::Settings settings;
                settings.name = name;
                const auto sharded = sharded_.find(name);
                settings.shards = sharded == sharded_.end() ? Shards() : sharded->second;
                return settings;
            },
            sharded_);
        shared_ = {std::make_shared<admin::LongWork>(2),
                   std::make_shared<admin::EventHub>(Redis(redis), "bull", 2),
                   [this](bool on) { quiet_ = on; }};
        routes_->replace(admin::kSource, admin::adminRoutes(queues_, shared_));
        front_ = std::make_unique<api::HttpFront>(*routes_, frontSettings_);
    }

    [[nodiscard]] Redis handle() const { return queues_->redis(); }

    /// The queue of the store.
    [[nodiscard]] std::string queue() const {
        return store_.keys().qualifiedName().substr(std::string("bull:").size());
    }
    [[nodiscard]] std::string path(const std::string& rest) const {
        return "/queues/" + queue() + rest;
    }

    static std::string tokenOf(const std::string& scope) {
        return "drv_" + scope + "_0123456789abcdefghij";
    }
    static std::string bearer(const std::string& scope) {
        return "Authorization: Bearer " + tokenOf(scope);
    }

    /// Sends a request with the token of a scope; empty: without one.
    RawAnswer call(const std::string& scope,
                   const std::string& methodAndTarget,
                   const std::string& body = "") {
        const std::string type = body.empty() ? "" : "\r\nContent-Type: application/json";
        return exchange(
            request(methodAndTarget, (scope.empty() ? "X-None: 1" : bearer(scope)) + type, body));
    }
    /// Asserts the status, and returns the body.
    std::string body(int status,
                     const std::string& scope,
                     const std::string& methodAndTarget,
                     const std::string& sent = "") {
        const RawAnswer answer = call(scope, methodAndTarget, sent);
        CPPUNIT_ASSERT_EQUAL_MESSAGE(methodAndTarget + ": " + answer.body, status, answer.status);
        return answer.body;
    }
    std::string read(const std::string& target) { return body(200, "read", "GET " + target); }
    /// Asserts that a request is refused with a message that has the words.
    void assertMistake(int status,
                       const std::string& scope,
                       const std::string& methodAndTarget,
                       const std::string& words,
                       const std::string& sent = "") {
        assertContains(body(status, scope, methodAndTarget, sent), words);
    }

    Store store_;
    std::shared_ptr<const admin::AdminQueues> queues_;
    admin::Shared shared_;
    std::atomic<int> quiet_{-1};
    ShardedQueues sharded_;  ///< For the next serve().

private:
    static AccessToken entry(const std::string& scope) {
        AccessToken token;
        token.name = scope;
        token.digest = AccessToken::digestOf(tokenOf(scope));
        token.scopes.push_back(Scope::parse(scope));
        return token;
    }
};

}  // namespace drover::test
