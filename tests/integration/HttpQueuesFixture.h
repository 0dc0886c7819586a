#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "HttpFixture.h"
#include "drover/AccessToken.h"
#include "drover/Json.h"
#include "drover/Redis.h"
#include "queues/QueueRoutes.h"
#include "queues/QueueTable.h"
#include "queues/StreamThread.h"
#include "support/RedisFixture.h"

namespace drover::test {

/// The front with the routes of the queues that `api.queues` lists, over a real Redis, and clients with tokens.
class HttpQueuesFixture : public HttpFixture {
public:
    void setUp() override {
        store_.setUp();
        HttpFixture::setUp();
        auto rules = std::make_shared<api::Gatekeeper::Rules>();
        rules->tokens = api::TokenTable({token("shop", kShop, {"add:q*", "add:mail-*"}),
                                         token("reader", kReader, {"read"}),
                                         token("operator", kOperator, {"operate"})});
        frontSettings_.rules = rules;
        frontSettings_.maxBodyBytes = kMaxBody;
        settings_.gate.limits.maxBodyBytes = kMaxBody;
        serve({"q*"}, 8);
    }

    void tearDown() override {
        HttpFixture::tearDown();
        routes_.reset();
        openBodies_.reset();
        queues_.reset();
        store_.tearDown();
    }

protected:
    static constexpr const char* kShop = "drv_shop_0123456789abcdefghij";
    static constexpr const char* kReader = "drv_reader_0123456789abcdefgh";
    static constexpr const char* kOperator = "drv_operator_0123456789abcdef";
    static constexpr std::size_t kMaxBody = 4 << 20;

    /// A queue's Redis, to look at.
    class Store : public RedisFixture {
    public:
        using RedisFixture::eventually;
        using RedisFixture::hash;
        using RedisFixture::keys;
        using RedisFixture::list;
        using RedisFixture::number;
        using RedisFixture::redis;
        using RedisFixture::server_;
        using RedisFixture::stateOf;
        using RedisFixture::text;
        using RedisFixture::useOwnServer;
    };

    void serve(const std::vector<std::string>& globs, std::size_t most) {
        server_.reset();
        openBodies_.reset();
        Redis::Settings redis = redisAt(store_.server_->port());
        queues_ = std::make_unique<api::QueueTable>(
            Redis(redis),
            [this](const std::string& name) {
                Queue::Settings settings;
                settings.name = name;
                settings.addTimeout = kAtOnce;  // A busy machine must not turn an add into a 503.
                settings.admission = admission_;
                settings.shards = shards_;
                return settings;
            },
            most);
        openBodies_ = std::make_unique<api::StreamThread>(maxOpenBodies_);
        routes_->replace(api::kQueueSource, api::queueRoutes(globs, *queues_, routeSettings()));
        front_ = std::make_unique<api::HttpFront>(*routes_, frontSettings_);
    }

    /// The queue of the store.
    [[nodiscard]] std::string queue() const {
        return store_.keys().qualifiedName().substr(std::string("bull:").size());
    }

    static std::string bearer(const std::string& token) {
        return token.empty() ? "X-None: 1" : "Authorization: Bearer " + token;
    }

    RawAnswer send(const std::string& type,
                   const std::string& body,
                   const std::string& queue,
                   const std::string& token) {
        return exchange(request(
            "POST /queues/" + queue + "/jobs", bearer(token) + "\r\nContent-Type: " + type, body));
    }
    RawAnswer post(const std::string& body) { return post(body, queue()); }
    RawAnswer post(const std::string& body,
                   const std::string& queue,
                   const std::string& token = kShop) {
        return send("application/json", body, queue, token);
    }
    RawAnswer postLines(const std::string& body) {
        return send("application/x-ndjson", body, queue(), kShop);
    }

    RawAnswer scheduler(const std::string& method,
                        const std::string& rest,
                        const std::string& token,
                        const std::string& body = "") {
        const std::string type = body.empty() ? "" : "\r\nContent-Type: application/json";
        return exchange(request(
            method + " /queues/" + queue() + "/schedulers" + rest, bearer(token) + type, body));
    }

    static std::vector<std::string> linesOf(const std::string& body) {
        std::vector<std::string> lines;
        for (std::size_t from = 0; from < body.size();) {
            const std::size_t end = body.find('\n', from);
            CPPUNIT_ASSERT(end != std::string::npos);
            lines.push_back(body.substr(from, end - from));
            from = end + 1;
        }
        return lines;
    }

    [[nodiscard]] api::QueueRouteSettings routeSettings() const {
        return {std::chrono::minutes(1), openBodies_->inbox(), frontSettings_.maxBodyBytes};
    }

    static AccessToken token(const std::string& name,
                             const std::string& text,
                             const std::vector<std::string>& scopes) {
        AccessToken entry;
        entry.name = name;
        entry.digest = AccessToken::digestOf(text);
        for (const std::string& scope : scopes) {
            entry.scopes.push_back(Scope::parse(scope));
        }
        return entry;
    }

    Store store_;
    Queue::Admission admission_;      ///< For the next serve().
    Shards shards_;                   ///< The same.
    std::size_t maxOpenBodies_ = 64;  ///< For the next serve().
    std::unique_ptr<api::QueueTable> queues_;
    std::unique_ptr<api::StreamThread> openBodies_;  ///< Ends before the queues.
};

}  // namespace drover::test
