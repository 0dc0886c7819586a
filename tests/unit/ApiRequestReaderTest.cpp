#include <string>
#include <vector>

#include <cppunit/TestFixture.h>
#include <cppunit/extensions/HelperMacros.h>

#include "http/RequestReader.h"
#include "support/Assert.h"

using drover::test::assertEqual;
using drover::test::assertLacks;

using drover::api::OpenBody;
using drover::api::RequestLimits;
using drover::api::RequestReader;
using drover::api::WholeRequest;
using State = drover::api::RequestReader::State;

/// Bytes become requests in the same way however they are torn.
class ApiRequestReaderTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(ApiRequestReaderTest);
    CPPUNIT_TEST(requestTornAtEveryByteIsTheSameRequest);
    CPPUNIT_TEST(refusalTornAtEveryByteIsTheSameRefusal);
    CPPUNIT_TEST(mistakeIsFoundWithTheByteThatMakesIt);
    CPPUNIT_TEST(bytesBehindARequestAreTheNextOne);
    CPPUNIT_TEST(headersAreFoundByTheirNameInAnyCase);
    CPPUNIT_TEST(emptyLinesBeforeARequestAreIgnoredAndNotHandedOn);
    CPPUNIT_TEST(encodedWordsAreHiddenAndOnlyControlCharactersInThemRefused);
    CPPUNIT_TEST(headHasABound);
    CPPUNIT_TEST(connectionOptionsAreReadAsAList);
    CPPUNIT_TEST(expectationIsPoppedOnce);
    CPPUNIT_TEST(linesOfAnyLengthAreLeftOpenBehindTheirHead);
    CPPUNIT_TEST_SUITE_END();

public:
    void requestTornAtEveryByteIsTheSameRequest() {
        const std::string text = kPost;
        for (std::size_t first = 0; first <= text.size(); ++first) {
            for (const std::size_t second : {first, (first + text.size()) / 2, text.size()}) {
                RequestReader reader(limits_);
                feed(reader, text.substr(0, first));
                feed(reader, text.substr(first, second - first));
                feed(reader, text.substr(second));
                CPPUNIT_ASSERT_MESSAGE("torn at " + std::to_string(first),
                                       reader.state() == State::Complete);
                const WholeRequest request = reader.pop();
                CPPUNIT_ASSERT(request.method() == "POST");
                CPPUNIT_ASSERT(request.target() == "/a?b=c");
                CPPUNIT_ASSERT(request.contentType() == "application/json");
                CPPUNIT_ASSERT(request.hasLength() && request.keepAlive());
                assertEqual("{\"x\":1}", request.body());
                CPPUNIT_ASSERT_EQUAL(text.size() - request.body().size(),
                                     request.headForPoco().size());
            }
        }
    }

    void refusalTornAtEveryByteIsTheSameRefusal() {
        const std::vector<std::pair<std::string, int>> cases = {
            {"GET / HTTP/1.1\nHost: h\r\n\r\n", 400},
            {"GET / HTTP/1.1\r\nHost: h\r\nX: a\r\n b\r\n\r\n", 400},
            {"GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx", 400},
            {"GET / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nContent-Length: "
             "1\r\n\r\nx",
             400},
            {"GET / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n", 411},
            {"GET / HTTP/1.1\r\nHost: h\r\nX: =?a?q?c=0A?=\r\n\r\n", 400},
            {"GET / HTTP/1.1\r\nHost: h\r\nContent-Encoding: gzip\r\nContent-Encoding: "
             "gzip\r\n\r\n",
             400},
            {"GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 101\r\n\r\n", 413},
            {"GET / HTTP/2.0\r\nHost: h\r\n\r\n", 400},
            {"GET  / HTTP/1.1\r\nHost: h\r\n\r\n", 400},
            {"GET /\xc3\xa9 HTTP/1.1\r\nHost: h\r\n\r\n", 400},
            {"GET / HTTP/1.1\r\nHost: h\r\n : x\r\n\r\n", 400},
            {"GET / HTTP/1.1\r\nHost: h\r\nA b: x\r\n\r\n", 400},
            {"\r\n\nGET / HTTP/1.1\r\nHost: h\r\n\r\n", 400},
        };
        limits_.maxBodyBytes = 100;
        for (const auto& [text, status] : cases) {
            for (std::size_t at = 0; at <= text.size(); ++at) {
                RequestReader reader(limits_);
                feed(reader, text.substr(0, at));
                feed(reader, text.substr(at));
                CPPUNIT_ASSERT_MESSAGE(text + " torn at " + std::to_string(at),
                                       reader.state() == State::Refused);
                CPPUNIT_ASSERT_EQUAL_MESSAGE(text, status, reader.refusalStatus());
            }
        }
    }

    void mistakeIsFoundWithTheByteThatMakesIt() {
        // Everything before the last byte is the beginning of a good request; nothing behind it is needed.
        const std::string good = "GET / HTTP/1.1\r\nHost: h\r\n";
        const std::vector<std::string> cases = {"\x16",
                                                "G\x01",
                                                std::string(32, 'G') + "G",
                                                "GET /" + std::string(16383, 'a') + "a",
                                                good + " ",
                                                good + "\t",
                                                good + std::string(256, 'n') + "n",
                                                good + "colonless\r\n",
                                                "GET / HTTP/1.1\n"};
        for (const std::string& text : cases) {
            RequestReader reader(limits_);
            feed(reader, text.substr(0, text.size() - 1));
            CPPUNIT_ASSERT_MESSAGE("too early: " + text.substr(0, 100),
                                   reader.state() != State::Refused);
            feed(reader, text.substr(text.size() - 1));
            CPPUNIT_ASSERT_MESSAGE("not yet: " + text.substr(0, 100),
                                   reader.state() == State::Refused);
        }
    }

    void bytesBehindARequestAreTheNextOne() {
        RequestReader reader(limits_);
        feed(reader, kPost + "GET /next HTTP/1.1\r\nHost: h\r\n\r\nGET /th");
        CPPUNIT_ASSERT(reader.state() == State::Complete);
        static_cast<void>(reader.pop());
        CPPUNIT_ASSERT(reader.advance() == State::Complete);
        const WholeRequest next = reader.pop();
        CPPUNIT_ASSERT(next.target() == "/next");
        CPPUNIT_ASSERT(next.body().empty() && !next.hasLength());
        CPPUNIT_ASSERT(reader.advance() == State::Partial);
        feed(reader, "ird HTTP/1.0\r\n\r\n");
        CPPUNIT_ASSERT(reader.state() == State::Complete);
        const WholeRequest third = reader.pop();
        CPPUNIT_ASSERT(third.target() == "/third" && !third.keepAlive());
        CPPUNIT_ASSERT(reader.advance() == State::Empty);
    }

    void headersAreFoundByTheirNameInAnyCase() {
        RequestReader reader(limits_);
        feed(reader,
             "GET / HTTP/1.1\r\nHost: h\r\nX-Note:  one \r\nX-Note-Too: other\r\n"
             "x-note:=?utf-8?q?two?=\r\nEmpty:\r\n\r\nX-Note: not a header");
        const WholeRequest request = reader.pop();
        assertEqual("one, =?utf-8?q?two?=", request.header("x-NOTE").value());
        assertEqual("h", request.header("Host").value());
        assertEqual("", request.header("empty").value());
        CPPUNIT_ASSERT(!request.header("X-Not"));
        CPPUNIT_ASSERT(!request.header("X-Note-"));
    }

    void emptyLinesBeforeARequestAreIgnoredAndNotHandedOn() {
        for (const std::size_t lines : {1U, 2U, 3U, 512U}) {
            std::string text;
            for (std::size_t i = 0; i < lines; ++i) {
                text += "\r\n";
            }
            RequestReader reader(limits_);
            feed(reader, text.substr(0, text.size() - 1));
            feed(reader, "\n" + kPost + text + kPost);
            for (int i = 0; i < 2; ++i) {
                CPPUNIT_ASSERT(reader.state() == State::Complete);
                const WholeRequest request = reader.pop();
                assertEqual("POST", request.headForPoco().substr(0, 4));
                assertEqual("{\"x\":1}", request.body());
                reader.advance();
            }
            feed(reader, text + "\r\n");
            CPPUNIT_ASSERT_EQUAL(lines == 512, reader.state() == State::Refused);
        }
    }

    void encodedWordsAreHiddenAndOnlyControlCharactersInThemRefused() {
        const auto read = [this](const std::string& value, std::string& head) {
            RequestReader reader(limits_);
            feed(reader, "GET / HTTP/1.1\r\nHost: h\r\nX: " + value + "\r\n\r\n");
            const bool complete = reader.state() == State::Complete;
            head = complete ? reader.pop().headForPoco() : "";
            return complete;
        };
        std::string head;
        // NOLINTBEGIN(bugprone-suspicious-missing-comma): one text is written as two, since ??= is a trigraph.
        for (const char* value : {"=?utf-8?q?Ren=C3=A9?=",
                                  "=?UTF-8?B?UmVuw6k=?=",
                                  "=?iso-8859-1?Q?a_b=09c?= and =?utf-8?q?=e2=82=ac?=",
                                  "=?utf-8?x?=0A?=",  // Neither q nor b: not an encoded word.
                                  "=?utf-8?q?=0A",    // Without an end.
                                  "=?utf-8?q?=0G=?=",
                                  "=?"
                                  "?=",
                                  "a=?",
                                  "=?=?=?=?"}) {
            // NOLINTEND(bugprone-suspicious-missing-comma)
            CPPUNIT_ASSERT_MESSAGE(value, read(value, head));
            assertLacks(head, "=?");
        }
        for (const char* value : {"=?utf-8?q?a=0D=0AX-Y:_z?=",
                                  "a =?utf-8?Q?=00?= b",
                                  "=?utf-8?q?ok?= =?utf-8?q?=7f?=",
                                  "=?utf-8?b?YQ0KYg==?=",
                                  "=?utf-32?b?AAAA?=",
                                  "=?x =?utf-8?q?=0a?="}) {
            CPPUNIT_ASSERT_MESSAGE(value, !read(value, head));
        }
    }

    void headHasABound() {
        limits_.maxHeadBytes = 1000;
        RequestReader reader(limits_);
        feed(reader, "GET / HTTP/1.1\r\nHost: h\r\n");
        int lines = 0;
        while (reader.state() == State::Partial && ++lines < 100) {
            feed(reader, "X-Header: " + std::string(88, 'v') + "\r\n");
        }
        CPPUNIT_ASSERT_EQUAL(431, reader.refusalStatus());
        CPPUNIT_ASSERT_EQUAL(10, lines);
    }

    void connectionOptionsAreReadAsAList() {
        CPPUNIT_ASSERT(!keepsAlive("HTTP/1.1", "close"));
        CPPUNIT_ASSERT(!keepsAlive("HTTP/1.1", "keep-alive, Close"));
        CPPUNIT_ASSERT(!keepsAlive("HTTP/1.1", "close,keep-alive"));
        CPPUNIT_ASSERT(keepsAlive("HTTP/1.1", "upgrade"));
        CPPUNIT_ASSERT(keepsAlive("HTTP/1.0", "Keep-Alive"));
        CPPUNIT_ASSERT(!keepsAlive("HTTP/1.0", "upgrade"));
    }

    void expectationIsPoppedOnce() {
        RequestReader reader(limits_);
        feed(reader,
             "POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-Continue\r\nContent-Length: 1\r\n\r\n");
        CPPUNIT_ASSERT(reader.popExpectContinue());
        CPPUNIT_ASSERT(!reader.popExpectContinue());
        feed(reader, "x");
        CPPUNIT_ASSERT(reader.state() == State::Complete);
    }

    void linesOfAnyLengthAreLeftOpenBehindTheirHead() {
        limits_.maxBodyBytes = 100;
        const std::string head =
            "POST /a HTTP/1.1\r\nHost: h\r\nContent-Type: Application/x-ndjson; charset=utf-8\r\n";
        const auto openBehind = [&](const std::string& length) {
            const std::string text = head + length + "\r\n\r\n";
            OpenBody open;
            for (std::size_t at = 0; at < text.size(); ++at) {
                RequestReader reader(limits_);
                feed(reader, text.substr(0, at));
                CPPUNIT_ASSERT(reader.state() != State::Head);
                feed(reader, text.substr(at) + "rest");
                CPPUNIT_ASSERT(reader.state() == State::Head);
                const WholeRequest request = reader.pop();
                CPPUNIT_ASSERT(request.target() == "/a" && request.body().empty());
                CPPUNIT_ASSERT(!request.keepAlive());
                assertEqual("rest", reader.popRest());
                open = *request.openBody();
            }
            return open;
        };
        const auto chunked = openBehind("Transfer-Encoding: chunked");
        CPPUNIT_ASSERT(chunked.chunked && !chunked.expectsContinue);
        CPPUNIT_ASSERT_EQUAL(411, chunked.refusalStatus);
        const auto large = openBehind("Expect: 100-continue\r\nContent-Length: 101");
        CPPUNIT_ASSERT(!large.chunked && large.expectsContinue && large.bytes == 101);
        CPPUNIT_ASSERT_EQUAL(413, large.refusalStatus);
        RequestReader reader(limits_);
        feed(reader, head + "Content-Length: 4\r\n\r\nrest");
        CPPUNIT_ASSERT(reader.state() == State::Complete);
        CPPUNIT_ASSERT(!reader.pop().openBody());
    }

private:
    static void feed(RequestReader& reader, const std::string& bytes) {
        reader.append(bytes.data(), bytes.size());
        reader.advance();
    }

    bool keepsAlive(const std::string& version, const std::string& connection) const {
        RequestReader reader(limits_);
        feed(reader, "GET / " + version + "\r\nHost: h\r\nConnection: " + connection + "\r\n\r\n");
        CPPUNIT_ASSERT(reader.state() == State::Complete);
        return reader.pop().keepAlive();
    }

    inline static const std::string kPost =
        "POST /a?b=c HTTP/1.1\r\nHost: h\r\ncontent-TYPE:  application/json \r\nContent-Length: "
        "7\r\n\r\n{\"x\":1}";
    RequestLimits limits_;
};

CPPUNIT_TEST_SUITE_REGISTRATION(ApiRequestReaderTest);
