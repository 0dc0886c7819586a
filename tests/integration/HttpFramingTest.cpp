#include <random>
#include <string>
#include <vector>

#include "HttpFixture.h"
#include "support/Assert.h"

using drover::test::assertEqual;

using drover::test::HttpFixture;
using drover::test::RawAnswer;
using drover::test::RawClient;
using drover::test::request;

/// The end of a request is never ambiguous: the front refuses such bytes at once and closes the connection.
class HttpFramingTest : public HttpFixture {
    CPPUNIT_TEST_SUITE(HttpFramingTest);
    CPPUNIT_TEST(hundredHeadersAreServedAndOneMoreIs431);
    CPPUNIT_TEST(valueOf8KiBIsServedAndOneByteMoreIs431);
    CPPUNIT_TEST(targetOf16KiBIsReadAndOneByteMoreIs414);
    CPPUNIT_TEST(unfinishedTargetThatIsTooLongIs414AtOnce);
    CPPUNIT_TEST(hundredThousandLinesWithoutColonAre400AtOnce);
    CPPUNIT_TEST(lengthTogetherWithTransferEncodingIs400);
    CPPUNIT_TEST(twoLengthsAre400);
    CPPUNIT_TEST(negativeHugeOrNonNumericLengthIs400);
    CPPUNIT_TEST(unknownTransferEncodingIs400);
    CPPUNIT_TEST(bareLineFeedIs400);
    CPPUNIT_TEST(foldedHeaderIs400);
    CPPUNIT_TEST(postWithoutLengthIs411);
    CPPUNIT_TEST(bodyOverTheCapIs413BeforeItIsSent);
    CPPUNIT_TEST(wrongContentTypeIs415);
    CPPUNIT_TEST(bodyCutShortNeverCountsAsAWholeOne);
    CPPUNIT_TEST(unreadBodyNeverBecomesARequest);
    CPPUNIT_TEST(encodedAndPlainControlCharactersInValuesAre400);
    CPPUNIT_TEST(hostIsNeededOnceAndOnlyOnce);
    CPPUNIT_TEST(tlsHelloHttp2PrefaceAndRandomBytesAre400OrClosed);
    CPPUNIT_TEST(requestTornAtEveryByteIsServed);
    CPPUNIT_TEST(pipelinedRequestsAreAnsweredInOrder);
    CPPUNIT_TEST(expectContinueIsMetOnce);
    CPPUNIT_TEST(http10AndConnectionCloseEndTheConnection);
    CPPUNIT_TEST_SUITE_END();

public:
    void hundredHeadersAreServedAndOneMoreIs431() {
        std::string headers = "X-0: 0";
        for (int i = 1; i < 99; ++i) {  // Host is the hundredth.
            headers += "\r\nX-" + std::to_string(i) + ": 0";
        }
        CPPUNIT_ASSERT_EQUAL(200, exchange(request("GET /constant", headers)).status);
        assertRefused(431, request("GET /constant", headers + "\r\nX-99: 0"));
    }

    void valueOf8KiBIsServedAndOneByteMoreIs431() {
        CPPUNIT_ASSERT_EQUAL(
            200, exchange(request("GET /constant", "X-Long: " + std::string(8192, 'v'))).status);
        assertRefused(431, request("GET /constant", "X-Long: " + std::string(8193, 'v')));
        CPPUNIT_ASSERT_EQUAL(
            200, exchange(request("GET /constant", std::string(256, 'n') + ": 1")).status);
        assertRefused(431, request("GET /constant", std::string(257, 'n') + ": 1"));
    }

    void targetOf16KiBIsReadAndOneByteMoreIs414() {
        CPPUNIT_ASSERT_EQUAL(404, exchange(request("GET /" + std::string(16383, 'p'))).status);
        assertRefused(414, request("GET /" + std::string(16384, 'p')));
    }

    void unfinishedTargetThatIsTooLongIs414AtOnce() {
        // No blank and no line end behind it: the answer must not wait for them.
        assertRefused(414, "GET /" + std::string(17000, 'p'));
    }

    void hundredThousandLinesWithoutColonAre400AtOnce() {
        std::string lines;
        for (int i = 0; i < 100000; ++i) {
            lines += "colonless\r\n";
        }
        RawClient client = connect();
        client.send("GET /constant HTTP/1.1\r\n");
        client.send(lines);
        // Without the end of the head, which never comes.
        CPPUNIT_ASSERT_EQUAL(400, client.read().status);
        assertRefused(400, "GET /constant HTTP/1.1\r\ncolonless\r\n");
    }

    void lengthTogetherWithTransferEncodingIs400() {
        assertRefused(400,
                      "POST /body HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nTransfer-Encoding: "
                      "chunked\r\n\r\n0\r\n\r\n");
        assertRefused(400,
                      "POST /body HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: "
                      "chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n");
    }

    void twoLengthsAre400() {
        for (const char* second : {"2", "3", "2, 2"}) {
            assertRefused(
                400,
                std::string(
                    "POST /body HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\nContent-Length: ") +
                    second + "\r\n\r\n{}");
        }
        assertRefused(400, "POST /body HTTP/1.1\r\nHost: h\r\nContent-Length: 2, 2\r\n\r\n{}");
    }

    void negativeHugeOrNonNumericLengthIs400() {
        for (const char* length : {"-1",
                                   "+2",
                                   "9223372036854775808",
                                   "99999999999999999999999",
                                   "two",
                                   "0x2",
                                   "2a",
                                   "",
                                   "1 1"}) {
            assertRefused(400,
                          std::string("POST /body HTTP/1.1\r\nHost: h\r\nContent-Length: ") +
                              length + "\r\n\r\n{}");
        }
    }

    void unknownTransferEncodingIs400() {
        for (const char* coding : {"gzip",
                                   "chunked, gzip",
                                   "xchunked",
                                   "identity",
                                   " chunked\r\nTransfer-Encoding: x"}) {
            assertRefused(400,
                          std::string("POST /body HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: ") +
                              coding + "\r\n\r\n");
        }
    }

    void bareLineFeedIs400() {
        assertRefused(400, "GET /constant HTTP/1.1\nHost: h\n\n");
        assertRefused(400, "GET /constant HTTP/1.1\r\nHost: h\nX: y\r\n\r\n");
        assertRefused(400, "GET /constant HTTP/1.1\r\nHost: h\r\n\n");
    }

    void foldedHeaderIs400() {
        assertRefused(400, "GET /constant HTTP/1.1\r\nHost: h\r\nX: a\r\n b\r\n\r\n");
        assertRefused(400, "GET /constant HTTP/1.1\r\nHost: h\r\nX: a\r\n\tb: c\r\n\r\n");
        assertRefused(400, "GET /constant HTTP/1.1\r\nHost : h\r\n\r\n");
    }

    void postWithoutLengthIs411() {
        // A route that needs a body.
        CPPUNIT_ASSERT_EQUAL(
            411, exchange(request("POST /body", "Content-Type: application/json")).status);
        // HTTP/1.0, where the body would last until the connection's end, and chunked, on any route.
        assertRefused(411, "POST /nobody/1 HTTP/1.0\r\n\r\n");
        assertRefused(
            411,
            "POST /nobody/1 HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n");
        CPPUNIT_ASSERT_EQUAL(0, bodies_.load());
        // HTTP/1.1 without either header has no body by RFC 9112: `curl -X POST` sends this.
        CPPUNIT_ASSERT_EQUAL(200, exchange(request("POST /nobody/1")).status);
    }

    void bodyOverTheCapIs413BeforeItIsSent() {
        settings_.gate.limits.maxBodyBytes = 1000;
        assertRefused(413, "POST /body HTTP/1.1\r\nHost: h\r\nContent-Length: 1001\r\n\r\n");
        const std::string body = R"({"userId":1,"note":")" + std::string(978, 'n') + "\"}";
        CPPUNIT_ASSERT_EQUAL(std::size_t{1000}, body.size());
        CPPUNIT_ASSERT_EQUAL(
            200, exchange(request("POST /body", "Content-Type: application/json", body)).status);
    }

    void wrongContentTypeIs415() {
        const std::string body = R"({"userId":1})";
        for (const char* type : {"text/plain",
                                 "application/x-www-form-urlencoded",
                                 "application/jsonx",
                                 "application/json; charset=utf-16"}) {
            const RawAnswer answer =
                exchange(request("POST /body", std::string("Content-Type: ") + type, body));
            CPPUNIT_ASSERT_EQUAL_MESSAGE(type, 415, answer.status);
        }
        CPPUNIT_ASSERT_EQUAL(415, exchange(request("POST /body", "", body)).status);
        CPPUNIT_ASSERT_EQUAL(0, bodies_.load());
        CPPUNIT_ASSERT_EQUAL(
            200,
            exchange(request("POST /body", "content-type: Application/JSON; charset=UTF-8", body))
                .status);
    }

    void bodyCutShortNeverCountsAsAWholeOne() {
        RawClient client = connect();
        client.send(
            "POST /body HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\nContent-Length: "
            "20\r\n\r\n{\"userId\":1}");
        client.finishSending();
        CPPUNIT_ASSERT_EQUAL(400, client.read().status);
        CPPUNIT_ASSERT(client.closedCleanly());
        CPPUNIT_ASSERT_EQUAL(0, bodies_.load());
    }

    void unreadBodyNeverBecomesARequest() {
        const std::string hidden = request("GET /smuggled");
        RawClient client = connect();
        // The route reads no body, and its error answers leave it unread as well.
        CPPUNIT_ASSERT_EQUAL(200, client.exchange(request("POST /nobody/1", "", hidden)).status);
        CPPUNIT_ASSERT_EQUAL(400, client.exchange(request("POST /nobody/x", "", hidden)).status);
        CPPUNIT_ASSERT_EQUAL(404, client.exchange(request("POST /nowhere", "", hidden)).status);
        CPPUNIT_ASSERT_EQUAL(200, client.exchange(request("GET /constant", "", hidden)).status);
        CPPUNIT_ASSERT_EQUAL(200, client.exchange(request("GET /constant")).status);
        CPPUNIT_ASSERT_EQUAL(0, smuggled_.load());
        CPPUNIT_ASSERT_EQUAL(200, client.exchange(hidden).status);
        CPPUNIT_ASSERT_EQUAL(1, smuggled_.load());
    }

    void encodedAndPlainControlCharactersInValuesAre400() {
        const std::vector<std::string> values = {"=?utf-8?q?a=0D=0AX-Y:_z?=",
                                                 "before =?utf-32?b?AAAA?= after",
                                                 "a\rb",
                                                 "a\nb",
                                                 std::string("a\0b", 3),
                                                 "a\x7f",
                                                 "a\x01"};
        for (const std::string& value : values) {
            assertRefused(400, request("GET /constant", "X-Value: " + value));
        }
        for (const char* value : {"a=?b\tc \xc3\xa9", "=?utf-8?q?Ren=C3=A9?="}) {
            CPPUNIT_ASSERT_EQUAL(
                200,
                exchange(request("GET /constant", std::string("Tailscale-User-Name: ") + value))
                    .status);
        }
    }

    void hostIsNeededOnceAndOnlyOnce() {
        assertRefused(400, "GET /constant HTTP/1.1\r\n\r\n");
        assertRefused(400, "GET /constant HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n");
    }

    void tlsHelloHttp2PrefaceAndRandomBytesAre400OrClosed() {
        assertRefused(400, std::string("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11), "TLS");
        assertRefused(400, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "HTTP/2");
        std::mt19937 random(4711);  // NOLINT: the same bytes each time
        for (int i = 0; i < 200; ++i) {
            std::string bytes(1 + random() % 2000, '\0');
            for (char& byte : bytes) {
                byte = static_cast<char>(random());
            }
            RawClient client = connect();
            client.send(bytes);
            client.finishSending();
            const RawAnswer answer = client.read();
            CPPUNIT_ASSERT_MESSAGE("random bytes got " + std::to_string(answer.status),
                                   answer.status == 400 || answer.status == 0);
            CPPUNIT_ASSERT(client.closedSoon());
        }
        CPPUNIT_ASSERT_EQUAL(200, exchange(request("GET /constant")).status);
    }

    void requestTornAtEveryByteIsServed() {
        const std::string text =
            request("POST /body", "Content-Type: application/json", R"({"userId":7})");
        RawClient client = connect();
        for (std::size_t at = 1; at < text.size(); ++at) {
            client.send(text.substr(0, at));
            client.send(text.substr(at));
            CPPUNIT_ASSERT_EQUAL_MESSAGE(
                "torn at " + std::to_string(at), 200, client.read().status);
        }
        for (const char byte : text) {
            client.send(std::string(1, byte));
        }
        CPPUNIT_ASSERT_EQUAL(200, client.read().status);
    }

    void pipelinedRequestsAreAnsweredInOrder() {
        RawClient client = connect();
        std::string all;
        for (int i = 0; i < 500; ++i) {
            all += request("GET /item/" + std::to_string(i));
        }
        client.send(all + "GET /item/500 HTTP/1.1\r\nHost: h");
        for (int i = 0; i < 500; ++i) {
            CPPUNIT_ASSERT_EQUAL("{\"id\":" + std::to_string(i) + "}", client.read().body);
        }
        assertEqual("{\"id\":500}", client.exchange("\r\n\r\n").body);
    }

    void expectContinueIsMetOnce() {
        RawClient client = connect();
        const std::string head =
            "POST /body HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\nContent-Length: "
            "12\r\nExpect: ";
        client.send(head + "100-continue\r\n\r\n");
        CPPUNIT_ASSERT_EQUAL(100, client.read().status);
        CPPUNIT_ASSERT_EQUAL(200, client.exchange(R"({"userId":1})").status);
        assertRefused(417, head + "miracles\r\n\r\n");
    }

    void http10AndConnectionCloseEndTheConnection() {
        for (const char* text :
             {"GET /constant HTTP/1.0\r\n\r\n",
              "GET /constant HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
              "GET /constant HTTP/1.1\r\nHost: h\r\nConnection: TE, Close\r\n\r\n"}) {
            RawClient client = connect();
            CPPUNIT_ASSERT_EQUAL(200, client.exchange(text).status);
            CPPUNIT_ASSERT_MESSAGE(text, client.closedCleanly());
        }
        RawClient client = connect();
        const std::string kept = "GET /constant HTTP/1.0\r\nConnection: keep-alive\r\n\r\n";
        CPPUNIT_ASSERT_EQUAL(200, client.exchange(kept).status);
        CPPUNIT_ASSERT_EQUAL(200, client.exchange(kept).status);
    }
};

/// The same inside of TLS.
class HttpsFramingTest : public HttpFramingTest {
    CPPUNIT_TEST_SUB_SUITE(HttpsFramingTest, HttpFramingTest);
    CPPUNIT_TEST_SUITE_END();

    [[nodiscard]] bool secure() const override { return true; }
};

CPPUNIT_TEST_SUITE_REGISTRATION(HttpFramingTest);
CPPUNIT_TEST_SUITE_REGISTRATION(HttpsFramingTest);
