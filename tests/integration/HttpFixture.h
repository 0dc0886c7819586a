#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <sys/resource.h>
#include <vector>

#include <cppunit/TestFixture.h>
#include <cppunit/extensions/HelperMacros.h>

#include "HttpFront.h"
#include "RawClient.h"
#include "drover/Routes.h"
#include "http/HttpServer.h"
#include "support/Assert.h"
#include "support/Patience.h"
#include "support/TestCertificate.h"

namespace drover::test {

/// The real front on a free port of 127.0.0.1, with a few routes and short deadlines.
///
///     GET  /constant           {"ok":true}
///     GET  /item/{id}          {"id":<id>}, an integer
///     GET  /search?name=&limit=   name a string, limit an optional integer in [1, 100]
///     GET  /text/{text}?also=  {"text":…,"also":…}, strings
///     POST /body               {userId: integer, note?: string}; {"seen":<length of body>}
///     POST /nobody/{id}        ignores its body
///     GET  /big                16 MiB, more than the kernel buffers
///     GET  /wait               answers when open() was called
///     GET  /throw/{what}
class HttpFixture : public CppUnit::TestFixture {
public:
    using Milliseconds = std::chrono::milliseconds;

    void setUp() override {
        // Both ends of 1,000 connections and more are in this process.
        rlimit limit{};
        getrlimit(RLIMIT_NOFILE, &limit);
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
        routes_ = std::make_unique<Routes>();
        addRoutes();
        settings_ = {};
        settings_.threads = 8;
        front_ = std::make_unique<api::HttpFront>(*routes_, frontSettings_);
    }

    void tearDown() override {
        open();
        if (server_) {
            server_->stop(Milliseconds(2000));
            server_.reset();
        }
        // A handler that a test left behind uses the members below.
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [this] { return inside_ == 0; });
    }

protected:
    /// Starts with settings_ as they are.
    void start() {
        server_ = std::make_unique<api::HttpServer>(settings_, *front_);
        if (secure()) {
            static const TestCertificate kCertificate("localhost");
            server_->useTls(contextOf(kCertificate));
        }
        server_->start();
    }

    static std::shared_ptr<const api::TlsContext> contextOf(const TestCertificate& certificate) {
        return std::make_shared<const api::TlsContext>(
            api::TlsContext::File{certificate.certificate(), "api.tls.certificate"},
            api::TlsContext::File{certificate.key(), "api.tls.key"});
    }

    /// Returns true if the server and the clients of connect() speak TLS.
    [[nodiscard]] virtual bool secure() const { return false; }

    RawClient connect(int receiveBufferBytes = 0) {
        if (!server_) {
            start();
        }
        return RawClient(
            server_->port(), secure() ? TestCertificate::client() : nullptr, receiveBufferBytes);
    }

    /// One request on a connection of its own.
    RawAnswer exchange(const std::string& bytes) { return connect().exchange(bytes); }

    /// Asserts that `bytes` are answered with `status`, in JSON, and that the connection is then closed.
    void assertRefused(int status, const std::string& bytes, const std::string& what = "") {
        RawClient client = connect();
        const RawAnswer answer = client.exchange(bytes);
        CPPUNIT_ASSERT_EQUAL_MESSAGE(
            what + " " + bytes.substr(0, 200) + " answered " + answer.body, status, answer.status);
        assertEqual("application/json; charset=utf-8", answer.header("content-type"));
        assertContains(answer.body, "\"statusCode\":" + std::to_string(status));
        assertEqual("close", answer.header("connection"));
        CPPUNIT_ASSERT_MESSAGE(what + " left the connection open", client.closedCleanly());
    }

    /// Lets every request to /wait be answered.
    void open() {
        const std::lock_guard lock(mutex_);
        opened_ = true;
        changed_.notify_all();
    }
    /// Waits until `count` requests are inside of /wait.
    void awaitInside(int count) {
        std::unique_lock lock(mutex_);
        CPPUNIT_ASSERT_MESSAGE(
            "the requests did not reach the handler",
            changed_.wait_for(lock, kPatience, [&] { return inside_ >= count; }));
    }

    std::unique_ptr<Routes> routes_;
    api::HttpFront::Settings frontSettings_;
    api::HttpServer::Settings settings_;
    std::unique_ptr<api::HttpFront> front_;
    std::unique_ptr<api::HttpServer> server_;
    std::atomic<int> smuggled_{0};  ///< Requests to /smuggled.
    std::atomic<int> bodies_{0};    ///< Requests that reached the handler of /body or /nobody.

private:
    void addRoutes();

    std::mutex mutex_;
    std::condition_variable changed_;
    int inside_ = 0;       ///< Handlers of /wait that run; guarded by mutex_.
    bool opened_ = false;  ///< Guarded by mutex_.
};

}  // namespace drover::test
