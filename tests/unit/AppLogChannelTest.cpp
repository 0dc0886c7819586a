#include <rapidjson/document.h>
#include <regex>
#include <string>
#include <thread>
#include <unistd.h>
#include <vector>

#include <Poco/AutoPtr.h>
#include <Poco/Message.h>
#include <cppunit/extensions/HelperMacros.h>

#include "core/JsonText.h"
#include "core/Log.h"
#include "process/LogChannel.h"
#include "process/Logging.h"
#include "support/Assert.h"

using drover::test::assertContains;
using drover::test::assertEqual;
using drover::test::assertLacks;

namespace {

using namespace drover;
using Poco::Message;

Poco::AutoPtr<LogChannel> channel(LogChannel::Format format, int descriptor = -1) {
    return Poco::AutoPtr<LogChannel>(new LogChannel(descriptor, format));
}

rapidjson::Document parsed(const std::string& line) {
    rapidjson::Document document;
    document.Parse<rapidjson::kParseValidateEncodingFlag>(line.data(), line.size());
    CPPUNIT_ASSERT_MESSAGE(line, !document.HasParseError() && document.IsObject());
    return document;
}

}  // namespace

/// One line per message, whatever the message is.
class AppLogChannelTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(AppLogChannelTest);
    CPPUNIT_TEST(jsonLinesHaveTimeLevelLoggerThreadAndMessage);
    CPPUNIT_TEST(fieldsAreMembersOfTheLineAndPairsOnATerminal);
    CPPUNIT_TEST(everyByteMakesValidJson);
    CPPUNIT_TEST(aMessageCannotPassForAnotherLine);
    CPPUNIT_TEST(secretsAreHiddenAlsoInsideOfUrls);
    CPPUNIT_TEST(aPasswordThatIsACommonWordIsHiddenByItsPlace);
    CPPUNIT_TEST(aFormerSecretStaysOne);
    CPPUNIT_TEST(linesOfManyThreadsDoNotMix);
    CPPUNIT_TEST(coloursAppearOnlyOnATerminal);
    CPPUNIT_TEST_SUITE_END();

public:
    void jsonLinesHaveTimeLevelLoggerThreadAndMessage() {
        Message message("worker", "claimed 3", Message::PRIO_WARNING);
        message.setThread("claim");
        message.setTime(Poco::Timestamp(1700000000123000));
        assertEqual(R"({"time":"2023-11-14T22:13:20.123Z","level":"warning","logger":"worker",)"
                    R"("thread":"claim","message":"claimed 3"})",
                    channel(LogChannel::Format::Json)->line(message));
    }

    void fieldsAreMembersOfTheLineAndPairsOnATerminal() {
        Message message("worker", "the job failed", Message::PRIO_WARNING);
        message.setThread("claim");
        message.setTime(Poco::Timestamp(1700000000123000));
        LogFields{.queue = "e-mails", .job = "a \"b\"", .attempt = 2}.forEach(
            [&message](const char* name, const std::string& value) { message.set(name, value); });
        const std::string json = channel(LogChannel::Format::Json)->line(message);
        CPPUNIT_ASSERT_EQUAL_MESSAGE(
            json,
            std::string(
                R"("message":"the job failed","queue":"e-mails","job":"a \"b\"","attempt":2})"),
            json.substr(json.find(R"("message")")));
        const std::string text = channel(LogChannel::Format::Text)->line(message);
        CPPUNIT_ASSERT_EQUAL_MESSAGE(
            text,
            std::string(R"(worker: the job failed queue=e-mails job="a \"b\"" attempt=2)"),
            text.substr(text.find("worker:")));
    }

    void everyByteMakesValidJson() {
        std::string text;
        for (int byte = 0; byte < 256; ++byte) {
            text += static_cast<char>(byte);
        }
        text += "한국어 \xE2\x82 \xF0\x9F\x98\x80 \xC0\x80";
        const Message message(text, text, Message::PRIO_ERROR);
        const std::string line = channel(LogChannel::Format::Json)->line(message);
        assertLacks(line, "\n");
        const auto document = parsed(line);
        CPPUNIT_ASSERT_EQUAL(
            repairedUtf8(text),
            std::string(document["message"].GetString(), document["message"].GetStringLength()));
        assertContains(repairedUtf8(text), "한국어");
    }

    void aMessageCannotPassForAnotherLine() {
        const Message message("api",
                              "path /a\n2023-11-14T22:13:20.123Z error api: faked\r\x1b[31m",
                              Message::PRIO_INFORMATION);
        const std::string line = channel(LogChannel::Format::Text)->line(message);
        assertContains(line, "\n    2023");
        assertLacks(line, "\r");
        assertLacks(line, "\x1b");
    }

    void secretsAreHiddenAlsoInsideOfUrls() {
        auto log = channel(LogChannel::Format::Text);
        log->hide({"hunter2", "postgresql://u:hunter2@h/d", "a"});
        const Message message("store",
                              "cannot reach postgresql://u:hunter2@h/d with hunter2 again",
                              Message::PRIO_ERROR);
        const std::string line = log->line(message);
        assertContains(line, "cannot reach *** with *** again");
        log->hide({"again"});
        assertContains(log->line(message), "*** with *** ***");
    }

    void aPasswordThatIsACommonWordIsHiddenByItsPlace() {
        auto log = channel(LogChannel::Format::Text);
        log->hide({"drover", "postgresql://drover:drover@h/drover", "tion7"});
        const auto hidden = [&](const std::string& text) { return log->withoutSecrets(text); };
        assertEqual("drover 0.1 is running in /opt/drover/plugins",
                    hidden("drover 0.1 is running in /opt/drover/plugins"));
        assertEqual("cannot reach ***: refused",
                    hidden("cannot reach postgresql://drover:drover@h/drover: refused"));
        // A URL that is not the configured one, with any password.
        assertEqual("redis://drover:***@drover:6379/0",
                    hidden("redis://drover:drover@drover:6379/0"));
        assertEqual("\"redis://:***@h\"", hidden("\"redis://:p@ss@h\""));
        assertEqual("http://127.0.0.1:4000/api", hidden("http://127.0.0.1:4000/api"));
        // A short one is hidden as a word only.
        assertEqual("station7 and ***, x=***", hidden("station7 and tion7, x=tion7"));
    }

    void aFormerSecretStaysOne() {
        ConfigSources sources;
        sources.settings = {"redis.password=first-secret"};
        const Logging logging{Configuration(sources)};
        sources.settings = {"redis.password=second-secret"};
        Logging::hide(Configuration(sources));
        assertEqual("*** and ***", Logging::masked("first-secret and second-secret"));
    }

    void linesOfManyThreadsDoNotMix() {
        int ends[2];
        CPPUNIT_ASSERT_EQUAL(0, pipe(ends));
        auto log = channel(LogChannel::Format::Json, ends[1]);
        std::string text;
        std::thread reader([&text, readEnd = ends[0]] {
            char buffer[65536];
            for (ssize_t count = 0; (count = read(readEnd, buffer, sizeof buffer)) > 0;) {
                text.append(buffer, static_cast<std::size_t>(count));
            }
        });
        std::vector<std::thread> writers;
        for (int i = 0; i < 4; ++i) {
            writers.emplace_back([&log, i] {
                // Longer than a pipe accepts in one piece.
                const Message message("t" + std::to_string(i),
                                      std::string(10000, static_cast<char>('a' + i)),
                                      Message::PRIO_ERROR);
                for (int n = 0; n < 50; ++n) {
                    log->log(message);
                }
            });
        }
        for (std::thread& writer : writers) {
            writer.join();
        }
        CPPUNIT_ASSERT(log->writer().flush(std::chrono::seconds(20)));
        close(ends[1]);
        reader.join();
        close(ends[0]);
        int lines = 0;
        for (std::size_t from = 0; from < text.size(); ++lines) {
            const std::size_t end = text.find('\n', from);
            const auto document = parsed(text.substr(from, end - from));
            const char letter = static_cast<char>('a' + document["logger"].GetString()[1] - '0');
            assertEqual(std::string(10000, letter), document["message"].GetString());
            from = end + 1;
        }
        CPPUNIT_ASSERT_EQUAL(200, lines);
    }

    void coloursAppearOnlyOnATerminal() {
        int ends[2];
        CPPUNIT_ASSERT_EQUAL(0, pipe(ends));
        CPPUNIT_ASSERT(LogChannel::formatFor("auto", ends[1]) == LogChannel::Format::Json);
        CPPUNIT_ASSERT(LogChannel::formatFor("text", ends[1]) == LogChannel::Format::Text);
        CPPUNIT_ASSERT(LogChannel::formatFor("json", ends[1]) == LogChannel::Format::Json);
        close(ends[0]);
        close(ends[1]);
        const Message message("a", "b", Message::PRIO_ERROR);
        assertContains(channel(LogChannel::Format::ColouredText)->line(message), "\x1b[31m");
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(AppLogChannelTest);
