#include <string>
#include <utility>
#include <vector>

#include <cppunit/TestFixture.h>
#include <cppunit/extensions/HelperMacros.h>

#include "http/BodyReader.h"
#include "support/Assert.h"

using drover::api::BodyReader;
using drover::api::OpenBody;
using drover::test::assertEqual;
using State = drover::api::BodyReader::State;

/// The bytes behind a head become a body in the same way however they are torn.
class ApiBodyReaderTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(ApiBodyReaderTest);
    CPPUNIT_TEST(chunksTornAtEveryByteAreTheSameBody);
    CPPUNIT_TEST(mistakesTornAtEveryByteAreTheSameMistake);
    CPPUNIT_TEST(aLengthEndsTheBody);
    CPPUNIT_TEST(extensionsAndTrailersHaveABound);
    CPPUNIT_TEST_SUITE_END();

public:
    void chunksTornAtEveryByteAreTheSameBody() {
        const std::string text =
            "5\r\nhello\r\n1;a=b;c=\"d\"\r\n \r\n00A\r\nworld\r\n0\r\n\r\n0\r\nX: y\r\nZ:\r\n\r\n";
        for (std::size_t at = 0; at <= text.size(); ++at) {
            BodyReader reader(kChunked);
            std::string body;
            const State first = reader.read(text.substr(0, at), body);
            CPPUNIT_ASSERT(at == text.size() || first == State::Partial);
            CPPUNIT_ASSERT(reader.read(text.substr(at) + "GET", body) == State::Whole);
            assertEqual("hello world\r\n0\r\n", body);
        }
    }

    void mistakesTornAtEveryByteAreTheSameMistake() {
        const std::string good = "1\r\na\r\n";
        const std::vector<std::string> cases = {"\r\n",
                                                ";",
                                                "g",
                                                " 1",
                                                "+1",
                                                "0x1",
                                                "1\n",
                                                "1\r\r",
                                                "1 \r\n",
                                                "000000001",
                                                "1;\n",
                                                "1\r\nab",
                                                "1\r\na\n",
                                                "1\r\na\rb",
                                                "0\r\n\n",
                                                "0\r\n\rx",
                                                "0\r\nX: y\n",
                                                std::string("0\r\nX: \0", 7)};
        for (const std::string& bad : cases) {
            const std::string text = good + bad;
            for (std::size_t at = 0; at <= text.size(); ++at) {
                BodyReader reader(kChunked);
                std::string body;
                static_cast<void>(reader.read(text.substr(0, at), body));
                CPPUNIT_ASSERT_MESSAGE(bad, reader.read(text.substr(at), body) == State::Wrong);
                CPPUNIT_ASSERT_MESSAGE(bad, body == "a" || body == "aa");
                CPPUNIT_ASSERT(!reader.problem().empty());
                CPPUNIT_ASSERT(reader.read("0\r\n\r\n", body) == State::Wrong);
            }
        }
    }

    void aLengthEndsTheBody() {
        BodyReader reader(OpenBody{.bytes = 5});
        std::string body;
        CPPUNIT_ASSERT(reader.read("0\r\n", body) == State::Partial);
        CPPUNIT_ASSERT(reader.read("\r\nGET", body) == State::Whole);
        assertEqual("0\r\n\r\n", body);
        BodyReader none(OpenBody{});
        CPPUNIT_ASSERT(none.read("", body) == State::Whole);
    }

    void extensionsAndTrailersHaveABound() {
        for (const std::string& begin : {std::string("1;"), std::string("0\r\nX: y\r\nZ: ")}) {
            BodyReader reader(kChunked);
            std::string body;
            CPPUNIT_ASSERT(reader.read(begin + std::string(8000, 'x'), body) == State::Partial);
            CPPUNIT_ASSERT(reader.read(std::string(200, 'x'), body) == State::Wrong);
        }
    }

private:
    static inline const OpenBody kChunked{.chunked = true};
};

CPPUNIT_TEST_SUITE_REGISTRATION(ApiBodyReaderTest);
