#include <algorithm>
#include <cstdio>
#include <fstream>
#include <map>
#include <string>
#include <thread>
#include <unistd.h>
#include <utility>
#include <vector>

#include "HttpQueuesFixture.h"
#include "drover/Json.h"
#include "support/LogCapture.h"

using drover::JsonView;
using drover::test::assertContains;
using drover::test::assertEqual;
using drover::test::HttpQueuesFixture;
using drover::test::kPatience;
using drover::test::LogCapture;
using drover::test::RawAnswer;
using drover::test::RawClient;
using drover::test::request;

/// Bodies of lines that are chunked or beyond the limit: added while they arrive, answered line by line.
class HttpJobStreamTest : public HttpQueuesFixture {
    CPPUNIT_TEST_SUITE(HttpJobStreamTest);
    CPPUNIT_TEST(linesAreAddedAndAnsweredWhileTheyArrive);
    CPPUNIT_TEST(aBodyBeyondTheLimitHasALength);
    CPPUNIT_TEST(badLinesAreAnsweredAndSkipped);
    CPPUNIT_TEST(refusedLinesAloneAreAnsweredIfAskedFor);
    CPPUNIT_TEST(manyMegabytesNeedLittleMemory);
    CPPUNIT_TEST(aClientThatLeavesHasAddedItsWholeLines);
    CPPUNIT_TEST(oneBodyTooManyIsRefused);
    CPPUNIT_TEST(drainEndsBehindWhatIsAnswered);
    CPPUNIT_TEST(aClientThatDoesNotReadIsNotReadFrom);
    CPPUNIT_TEST(aSilentClientIsTold);
    CPPUNIT_TEST(wrongFramingIsNamedBehindTheLinesBeforeIt);
    CPPUNIT_TEST(refusalsComeBeforeTheBody);
    CPPUNIT_TEST(theExpectationIsMetBeforeTheAnswer);
    CPPUNIT_TEST(aFullQueueEndsTheBody);
    CPPUNIT_TEST(withoutRedisTheBodyEnds);
    CPPUNIT_TEST(theAccessLogHasALineForABody);
    CPPUNIT_TEST_SUITE_END();

public:
    void setUp() override {
        HttpQueuesFixture::setUp();
        frontSettings_.maxBodyBytes = kLine;
        settings_.gate.limits.maxBodyBytes = kLine;
        serve({"q*"}, 8);
    }

    void linesAreAddedAndAnsweredWhileTheyArrive() {
        RawClient client = connect();
        client.send(head() + chunk(job("a") + "\n" + job("b").substr(0, 5)));
        const std::string begin = client.readUntil(added(1, "1"));
        assertContains(begin, "HTTP/1.1 200 OK\r\n");
        assertContains(begin, "Content-Type: application/x-ndjson; charset=utf-8\r\n");
        assertContains(begin, "Connection: close\r\n");
        CPPUNIT_ASSERT_EQUAL(std::int64_t{1}, waiting());
        client.send(chunk(job("b").substr(5) + "\r\n"));
        assertEqual(added(2, "2"), client.readUntil("\n"));
        client.send(kEnd);
        assertEqual(R"({"done":true,"lines":2,"added":2,"refused":0})"
                    "\n",
                    client.readUntil("\n"));
        CPPUNIT_ASSERT(client.closedCleanly());
        assertEqual("b", store_.hash("2").at("name"));
    }

    void aBodyBeyondTheLimitHasALength() {
        std::string lines;
        for (int i = 0; i < 100; ++i) {
            lines += job("n" + std::to_string(i)) + "\n";
        }
        RawClient client = connect();
        client.send(request("POST " + path(), bearer(kShop) + kType, lines));
        const std::vector<std::string> answer = answerOf(client);
        CPPUNIT_ASSERT_EQUAL(std::size_t{101}, answer.size());
        assertEqual(added(100, "100"), answer[99] + "\n");
        assertEqual(R"({"done":true,"lines":100,"added":100,"refused":0})", answer[100]);
        CPPUNIT_ASSERT_EQUAL(std::int64_t{100}, waiting());
    }

    void badLinesAreAnsweredAndSkipped() {
        const std::string body = job("a") + "\n\r\n{\"name\":\n" + R"({"nam":"b"})" + "\n" +
                                 R"({"name":"c","data":")" + std::string(3 * kLine, 'x') + "\"}\n" +
                                 R"({"name":"d","opts":{"priority":-1}})" + "\n" + job("e");
        for (const std::size_t step : {std::size_t{1}, std::size_t{700}, body.size()}) {
            RawClient client = connect();
            std::string bytes = head();
            for (std::size_t at = 0; at < body.size(); at += step) {
                bytes += chunk(body.substr(at, step));
            }
            client.send(bytes + kEnd);
            const std::vector<std::string> answer = answerOf(client);
            CPPUNIT_ASSERT_EQUAL(std::size_t{7}, answer.size());
            CPPUNIT_ASSERT_EQUAL(std::int64_t{201}, status(answer[0]));
            assertContains(answer[1], R"({"line":3,"status":400,"error":"the job is not JSON)");
            assertContains(answer[2], R"({"line":4,"status":400,"error":"property nam should not)");
            assertContains(answer[3],
                           R"({"line":5,"status":413,"error":"The line is longer than 1000 bytes)");
            assertContains(answer[4], R"({"line":6,"status":400,"error":"Priority)");
            assertContains(answer[5], R"({"line":7,"status":201,"id":")");
            assertEqual(R"({"done":true,"lines":7,"added":2,"refused":4})", answer[6]);
        }
        CPPUNIT_ASSERT_EQUAL(std::int64_t{6}, waiting());
    }

    void refusedLinesAloneAreAnsweredIfAskedFor() {
        RawClient client = connect();
        client.send(head("?answers=refused") + chunk(job("a") + "\n7\n" + job("b") + "\n") + kEnd);
        const std::vector<std::string> answer = answerOf(client);
        CPPUNIT_ASSERT_EQUAL(std::size_t{3}, answer.size());
        assertContains(answer[0], R"({"line":2,"status":400)");
        assertEqual(R"({"through":3,"added":2})", answer[1]);
        assertEqual(R"({"done":true,"lines":3,"added":2,"refused":1})", answer[2]);
    }

    void manyMegabytesNeedLittleMemory() {
        constexpr std::size_t kMegabytes = 48;
        const std::string line = R"({"name":"n","data":")" + std::string(kLine - 50, 'x') + "\"}\n";
        std::string piece;
        while (piece.size() + line.size() < 1U << 20U) {
            piece += line;
        }
        const std::string bytes = chunk(piece);
        RawClient client = connect();
        // Nothing is read before all is sent: the answers fit the buffers.
        client.send(head("?answers=refused") + bytes);
        const std::size_t before = residentBytes();
        std::size_t most = before;
        for (std::size_t i = 1; i < kMegabytes; ++i) {
            CPPUNIT_ASSERT(client.send(bytes));
            most = std::max(most, residentBytes());
        }
        client.send(kEnd);
        const std::size_t lines = kMegabytes * (piece.size() / line.size());
        assertEqual(R"({"done":true,"lines":)" + std::to_string(lines) + R"(,"added":)" +
                        std::to_string(lines) + R"(,"refused":0})",
                    answerOf(client).back());
        CPPUNIT_ASSERT_EQUAL(static_cast<std::int64_t>(lines), waiting());
#ifndef __SANITIZE_ADDRESS__
        CPPUNIT_ASSERT_MESSAGE(std::to_string((most - before) >> 20U) + " MiB more",
                               most - before < kMegabytes / 2 * (1U << 20U));
#endif
    }

    void aClientThatLeavesHasAddedItsWholeLines() {
        RawClient client = connect();
        client.send(head() + chunk(job("a") + "\n" + job("b") + "\n{\"name\":"));
        client.readUntil("\"line\":2");
        client.reset();
        RawClient half = connect();
        half.send(head() + chunk(job("c") + "\n{\"na"));
        half.finishSending();
        const std::vector<std::string> answer = answerOf(half);
        assertEqual(
            R"({"done":false,"lines":1,"added":1,"refused":0,"next":2,"status":400,"error":)"
            R"("The body ended before it was complete"})",
            answer.back());
        CPPUNIT_ASSERT_EQUAL(std::int64_t{3}, waiting());
    }

    void oneBodyTooManyIsRefused() {
        maxOpenBodies_ = 1;
        serve({"q*"}, 8);
        RawClient first = connect();
        first.send(head() + chunk(job("a") + "\n"));
        first.readUntil("\"line\":1");
        const RawAnswer second = exchange(head());
        CPPUNIT_ASSERT_EQUAL(503, second.status);
        assertEqual("1", second.header("retry-after"));
        assertContains(second.body, "As many bodies as api.maxOpenBodies allows (1)");
        first.reset();
        store_.eventually("the place of a client that left is free", [this] {
            RawClient next = connect();
            next.send(head() + kEnd);
            return next.readUntil("\r\n").find("200") != std::string::npos;
        });
    }

    void drainEndsBehindWhatIsAnswered() {
        RawClient client = connect();
        client.send(head() + chunk(job("a") + "\n" + job("b") + "\n{\"name\":"));
        client.readUntil("\"line\":2");
        std::thread stop([this] { server_->stop(kPatience); });
        const std::vector<std::string> answer = linesOf(readAll(client));
        stop.join();
        assertEqual(
            R"({"done":false,"lines":2,"added":2,"refused":0,"next":3,"status":503,"error":)"
            R"("The server is stopping"})",
            answer.back());
        CPPUNIT_ASSERT_EQUAL(std::int64_t{2}, waiting());
    }

    void aClientThatDoesNotReadIsNotReadFrom() {
        settings_.gate.sendTimeout = Milliseconds(300);
        settings_.gate.streamBufferBytes = 4096;
        start();
        RawClient client = connect(4096);
        client.send(head());
        std::string bad;
        for (int i = 0; i < 1000; ++i) {
            bad += "x\n";
        }
        // More than all buffers between the two hold: each line has an answer of a hundred bytes.
        const std::string bytes = chunk(bad);
        int sent = 0;
        while (sent < 20000 && client.send(bytes)) {
            ++sent;
        }
        CPPUNIT_ASSERT_MESSAGE("nothing bounds the answer", sent < 20000);
    }

    void aSilentClientIsTold() {
        settings_.gate.idleTimeout = Milliseconds(300);
        RawClient client = connect();
        client.send(head() + chunk(job("a") + "\n{"));
        assertEqual(
            R"({"done":false,"lines":1,"added":1,"refused":0,"next":2,"status":408,"error":)"
            R"("No byte of the body came in time"})",
            answerOf(client).back());
    }

    void wrongFramingIsNamedBehindTheLinesBeforeIt() {
        const std::map<std::string, std::string> cases = {
            {"zz\r\n", "A chunk does not begin with its size"},
            {"-1\r\n", "A chunk does not begin with its size"},
            {"123456789\r\n", "more than 8 digits"},
            {"1\n", "does not end in CR and LF"},
            {"1 \r\n", "does not end in CR and LF"},
            {"1;a=\x01\r\n", "control character"},
            {"2\r\nabc\r\n", "A chunk is longer than its size"},
            {"0\r\nX: \x7f\r\n\r\n", "control character"},
            {"0\r\nX: y\n\r\n", "control character"}};
        for (const auto& [bytes, mistake] : cases) {
            RawClient client = connect();
            client.send(head() + chunk(job("a") + "\n") + bytes);
            const std::vector<std::string> answer = answerOf(client);
            CPPUNIT_ASSERT_EQUAL_MESSAGE(bytes, std::size_t{2}, answer.size());
            CPPUNIT_ASSERT_EQUAL(std::int64_t{201}, status(answer[0]));
            assertContains(answer[1], R"({"done":false,"lines":1,"added":1,"refused":0,"next":2)");
            assertContains(answer[1], mistake);
        }
        RawClient client = connect();
        client.send(head() + "0d;ext=\"1\"\r\n" + job("a") + "\n\r\n000\r\nX-Sum: 1\r\n\r\n");
        assertEqual(R"({"done":true,"lines":1,"added":1,"refused":0})", answerOf(client).back());
    }

    void refusalsComeBeforeTheBody() {
        const std::string own = "POST " + path();
        const std::string chunked = "\r\nTransfer-Encoding: chunked";
        const std::string lines = kType + chunked;
        const std::vector<std::pair<std::string, std::pair<int, std::string>>> cases = {
            {request(own, bearer("") + lines), {401, "token"}},
            {request(own, bearer(kReader) + lines), {403, "does not have the scope add:"}},
            {request("POST /queues/mail-out/jobs", bearer(kShop) + lines),
             {404, "api.queues does not list the queue mail-out"}},
            {request(own, bearer(kShop) + lines + "\r\nIdempotency-Key: order-7"),
             {400, "cannot have an Idempotency-Key; give each job an opts.jobId"}},
            {request(own, bearer(kShop) + lines + "\r\nContent-Encoding: gzip"),
             {415, "must come without Content-Encoding"}},
            {request(own + "?answers=none", bearer(kShop) + lines),
             {400, "answers must be all or refused"}},
            {request(own, bearer(kShop) + kType + "; charset=latin1" + chunked),
             {415, "charset of the body must be utf-8"}},
            {request(own, bearer(kShop) + "\r\nContent-Type: application/json" + chunked),
             {411, "send Content-Length"}},
            {request("POST /flows", bearer(kShop) + lines), {411, "send Content-Length"}},
            {request("POST /nowhere", bearer(kShop) + lines), {404, "Cannot POST"}},
            {request("POST /flows", bearer(kShop) + kType + "\r\nContent-Length: 1001"),
             {413, "larger than 1000 bytes"}}};
        for (const auto& [bytes, answer] : cases) {
            RawClient client = connect();
            const RawAnswer refused = client.exchange(bytes);
            CPPUNIT_ASSERT_EQUAL_MESSAGE(bytes + refused.body, answer.first, refused.status);
            assertContains(refused.body, answer.second);
            assertEqual("close", refused.header("connection"));
            CPPUNIT_ASSERT(client.closedCleanly());
        }
    }

    void theExpectationIsMetBeforeTheAnswer() {
        RawClient client = connect();
        client.send(request(
            "POST " + path(),
            bearer(kShop) + kType + "\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue"));
        CPPUNIT_ASSERT_EQUAL(100, client.read().status);
        client.readUntil("HTTP/1.1 200 OK\r\n");
        client.send(chunk(job("a")) + kEnd);
        assertContains(readAll(client), added(1, "1"));
    }

    void aFullQueueEndsTheBody() {
        admission_.maxDepth = 1;
        serve({"q*"}, 8);
        RawClient client = connect();
        client.send(head());
        client.readUntil("\r\n\r\n");
        client.send(chunk(job("a") + "\n"));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{201}, status(client.readUntil("\n")));
        client.send(chunk(job("b") + "\n"));
        const std::string answer = client.readUntil("\n");
        CPPUNIT_ASSERT_EQUAL_MESSAGE(answer, std::int64_t{429}, status(answer));
        assertContains(answer, "1 are allowed; ");
        assertContains(answer, "\"retryAfter\":60");
        assertContains(client.readUntil("\n"),
                       R"({"done":false,"lines":2,"added":1,"refused":1,"next":2,"status":429,)");
    }

    void withoutRedisTheBodyEnds() {
        store_.useOwnServer();
        serve({"q*"}, 8);
        RawClient client = connect();
        client.send(head() + chunk(job("a") + "\n"));
        client.readUntil(added(1, "1"));
        store_.server_->stop();
        client.send(chunk("7\n" + job("b") + "\n"));
        const std::vector<std::string> answer = linesOf(readAll(client));
        CPPUNIT_ASSERT_EQUAL(std::size_t{3}, answer.size());
        CPPUNIT_ASSERT_EQUAL(std::int64_t{400}, status(answer[0]));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{503}, status(answer[1]));
        assertContains(answer[2], R"("added":1,"refused":2,"next":3,"status":503,)");
    }

    void theAccessLogHasALineForABody() {
        frontSettings_.accessLog = true;
        serve({"q*"}, 8);
        LogCapture log("http");
        {
            RawClient client = connect();
            client.send(head() + chunk(job("a") + "\n7\n"));
            std::string answer = client.readUntil("\"line\":2");
            CPPUNIT_ASSERT_EQUAL_MESSAGE("the answer has not ended", std::size_t{0}, lines(log));
            client.send(kEnd);
            answer += readAll(client);
            CPPUNIT_ASSERT_EQUAL(std::size_t{1}, lines(log));
            CPPUNIT_ASSERT_EQUAL(std::size_t{1},
                                 log.count(" bytes=" + std::to_string(answer.size()) + " client="));
        }
        RawClient leaves = connect();
        leaves.send(head() + chunk(job("a") + "\n"));
        leaves.readUntil("\"line\":1");
        leaves.reset();
        store_.eventually("a client that leaves has its line", [&] { return lines(log) == 2; });
    }

private:
    /// Returns how many requests for jobs the log has.
    [[nodiscard]] static std::size_t lines(const LogCapture& log) {
        const std::size_t count =
            log.count("request method=POST route=/queues/{queue}/jobs status=200 ms=");
        CPPUNIT_ASSERT_EQUAL(count, log.count("client=127.0.0.1 token=shop"));
        CPPUNIT_ASSERT_EQUAL(count, log.count("request "));
        return count;
    }

    static constexpr std::size_t kLine = 1000;
    static constexpr const char* kEnd = "0\r\n\r\n";
    inline static const std::string kType = "\r\nContent-Type: application/x-ndjson";

    [[nodiscard]] std::string path() const {
        return "/queues/" + queue() + "/jobs";
    }
    [[nodiscard]] std::string head(const std::string& query = "") const {
        return request("POST " + path() + query,
                       bearer(kShop) + kType + "\r\nTransfer-Encoding: chunked");
    }
    static std::string chunk(const std::string& bytes) {
        char size[16];
        std::snprintf(size, sizeof(size), "%zx\r\n", bytes.size());
        return size + bytes + "\r\n";
    }
    static std::string job(const std::string& name) {
        return R"({"name":")" + name + "\"}";
    }
    static std::string added(int line, const std::string& id) {
        return R"({"line":)" + std::to_string(line) + R"(,"status":201,"id":")" + id + "\"}\n";
    }
    static std::int64_t status(const std::string& line) {
        return JsonView::parse(line)["status"].integer().value();
    }
    std::int64_t waiting() {
        return store_.number({"LLEN", store_.keys().wait});
    }

    static std::string readAll(RawClient& client) {
        std::string all;
        for (std::string some = client.readSome(); !some.empty(); some = client.readSome()) {
            all += some;
        }
        return all;
    }
    /// Returns the lines of an answer from its head on.
    static std::vector<std::string> answerOf(RawClient& client) {
        client.readUntil("\r\n\r\n");
        return linesOf(readAll(client));
    }
    static std::size_t residentBytes() {
        std::size_t all = 0;
        std::size_t resident = 0;
        std::ifstream("/proc/self/statm") >> all >> resident;
        return resident * static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
    }
};

/// The same inside of TLS.
class HttpsJobStreamTest : public HttpJobStreamTest {
    CPPUNIT_TEST_SUB_SUITE(HttpsJobStreamTest, HttpJobStreamTest);
    CPPUNIT_TEST_SUITE_END();

    [[nodiscard]] bool secure() const override { return true; }
};

CPPUNIT_TEST_SUITE_REGISTRATION(HttpJobStreamTest);
CPPUNIT_TEST_SUITE_REGISTRATION(HttpsJobStreamTest);
