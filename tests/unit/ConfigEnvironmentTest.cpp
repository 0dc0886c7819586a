#include <set>
#include <string>
#include <vector>

#include <cppunit/extensions/HelperMacros.h>

#include "config/ConfigEnvironment.h"
#include "support/Assert.h"

using drover::test::assertEqual;

using namespace drover;

/// Variables as values of keys, without a process or a file.
class ConfigEnvironmentTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(ConfigEnvironmentTest);
    CPPUNIT_TEST(theOwnNameWinsOverOlderOnes);
    CPPUNIT_TEST(anEmptyOldVariableCountsForPasswordsAlone);
    CPPUNIT_TEST(theAddressOfAServiceIsNotAValue);
    CPPUNIT_TEST(keysOfTablesHaveNoVariables);
    CPPUNIT_TEST(variablesNameAliasesInLowerCase);
    CPPUNIT_TEST(onlyProbableTypingErrorsAreReported);
    CPPUNIT_TEST_SUITE_END();

public:
    void theOwnNameWinsOverOlderOnes() {
        set("REDIS_HOST", "old");
        expect("redis.host", "old");
        set("REDIS_QUEUE_HOST", "older, and stronger");
        expect("redis.host", "older, and stronger");
        set("DROVER_REDIS_HOST", "own");
        expect("redis.host", "own");
        assertEqual("DROVER_QUEUE_A_B_THREADS", ConfigEnvironment::nameOf("queue.a-b.threads"));
    }

    void anEmptyOldVariableCountsForPasswordsAlone() {
        set("REDIS_HOST", "");
        set("REDIS_PASSWORD", "");
        CPPUNIT_ASSERT(!environment_.find("redis.host", schema_));
        expect("redis.password", "");
    }

    void theAddressOfAServiceIsNotAValue() {
        set("REDIS_PORT", "tcp://10.0.0.1:6379");
        CPPUNIT_ASSERT(!environment_.find("redis.port", schema_));
        CPPUNIT_ASSERT_EQUAL(std::size_t{1},
                             environment_.serviceAddresses({"redis.port"}, schema_).size());
        set("REDIS_PORT", "tcp://not-an-address");
        expect("redis.port", "tcp://not-an-address");  // The check refuses it by its type.
        CPPUNIT_ASSERT(environment_.serviceAddresses({"redis.port"}, schema_).empty());
    }

    void keysOfTablesHaveNoVariables() {
        schema_.addTable("api.route");
        set("DROVER_API_ROUTE_X_METHOD", "GET");
        CPPUNIT_ASSERT(!environment_.find("api.route.x.method", schema_));
    }

    void variablesNameAliasesInLowerCase() {
        set("DROVER_QUEUE_MAILS_THREADS", "2");
        set("DROVER_QUEUE_MY_PAPER_THREADS", "3");
        set("DROVER_QUEUE_THREADS", "4");
        set("DROVER_QUEUE_MAILS_NOTHING", "5");
        std::set<std::string> aliases = {"my-Paper"};
        environment_.addAliases(aliases);
        CPPUNIT_ASSERT((aliases == std::set<std::string>{"mails", "my-Paper"}));
    }

    void onlyProbableTypingErrorsAreReported() {
        set("DROVER_REDIS_HSOT", "x");
        set("DROVER_SERVICE_HOST", "x");
        set("DROVER_REDIS_HOST", "x");
        set("REDIS_HSOT", "x");
        const std::vector<std::string> sentences = environment_.misspelt({"redis.host"});
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, sentences.size());
        assertEqual("here: is not a key; did you mean DROVER_REDIS_HOST?", sentences[0]);
    }

private:
    void set(const std::string& name, const std::string& text) {
        environment_.set(name, {text, "here"});
    }
    void expect(const std::string& key, const std::string& text) const {
        const auto value = environment_.find(key, schema_);
        CPPUNIT_ASSERT_MESSAGE(key, value.has_value());
        CPPUNIT_ASSERT_EQUAL_MESSAGE(key, text, value->text);
    }

    ConfigSchema schema_;
    ConfigEnvironment environment_;
};

CPPUNIT_TEST_SUITE_REGISTRATION(ConfigEnvironmentTest);
