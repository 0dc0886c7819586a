#include <string>
#include <utility>
#include <vector>

#include <cppunit/extensions/HelperMacros.h>

#include "drover/Exceptions.h"
#include "drover/Scope.h"
#include "support/Assert.h"

using drover::matchesGlob;
using drover::Scope;
using drover::test::assertContains;
using drover::test::assertEqual;

namespace {

std::string refusal(const std::string& text) {
    try {
        static_cast<void>(Scope::parse(text));
    } catch (const drover::ConfigException& error) {
        return error.message();
    }
    return "(accepted)";
}

bool covers(const std::string& granted, const Scope& demanded) {
    return Scope::parse(granted).covers(demanded);
}

}  // namespace

/// Scopes are parsed strictly, and none implies another.
class ScopeTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(ScopeTest);
    CPPUNIT_TEST(everyScopeIsParsedAndPrinted);
    CPPUNIT_TEST(aMistakeIsAnsweredWithTheRightForm);
    CPPUNIT_TEST(noScopeImpliesAnother);
    CPPUNIT_TEST(aDemandWithoutAQueueIsMetByAnyScopeOfAdding);
    CPPUNIT_TEST(addHoldsForTheQueuesOfItsGlob);
    CPPUNIT_TEST(aGlobHasStarsAndQuestionMarks);
    CPPUNIT_TEST(aLongGlobIsMatchedInModestTime);
    CPPUNIT_TEST(theNameThatARouteDemandsIsNotAGlob);
    CPPUNIT_TEST_SUITE_END();

public:
    void everyScopeIsParsedAndPrinted() {
        for (const char* text :
             {"read", "operate", "destroy", "add:*", "add:mail-?", "add:caf\xC3\xA9"}) {
            assertEqual(text, Scope::parse(text).text());
        }
        CPPUNIT_ASSERT(Scope::parse("operate").kind == Scope::Kind::Operate);
        assertEqual("mail*", Scope::parse("add:mail*").queues);
    }

    void aMistakeIsAnsweredWithTheRightForm() {
        assertContains(refusal("reed"), "did you mean read?");
        for (const char* text : {"", "READ", "everything", "*", ":mail"}) {
            assertContains(refusal(text), "a scope is add:QUEUE, read, operate or destroy");
        }
        for (const char* text : {"add", "add:"}) {
            assertContains(refusal(text), "add:* every one");
        }
        assertContains(refusal("read:mail"), "nothing follows it");
        assertContains(refusal("destroy:"), "nothing follows it");
        for (const char* text : {"add:bull:mail", "add:[a-z]", "add:{a,b}", "add:a\\*"}) {
            assertContains(refusal(text), "has one of :[]{}\\ in it");
        }
        for (const char* text : {"add:a b", "add:a\tb", "add:\x01", "add:\x7F", "add:\xFF"}) {
            assertContains(refusal(text), "is not UTF-8 without blanks");
        }
    }

    void noScopeImpliesAnother() {
        const std::vector<std::string> all = {"add:*", "read", "operate", "destroy"};
        for (const std::string& granted : all) {
            for (const std::string& demanded : all) {
                CPPUNIT_ASSERT_EQUAL_MESSAGE(granted + " and " + demanded,
                                             granted == demanded,
                                             covers(granted, Scope::parse(demanded)));
            }
        }
    }

    void aDemandWithoutAQueueIsMetByAnyScopeOfAdding() {
        const Scope any{Scope::Kind::Add, ""};
        CPPUNIT_ASSERT(covers("add:mail-*", any));
        CPPUNIT_ASSERT(!covers("operate", any));
    }

    void addHoldsForTheQueuesOfItsGlob() {
        CPPUNIT_ASSERT(covers("add:mail", {Scope::Kind::Add, "mail"}));
        CPPUNIT_ASSERT(!covers("add:mail", {Scope::Kind::Add, "mail2"}));
        CPPUNIT_ASSERT(covers("add:mail*", {Scope::Kind::Add, "mail2"}));
        CPPUNIT_ASSERT(!covers("add:mail*", {Scope::Kind::Add, "hotmail"}));
    }

    void aGlobHasStarsAndQuestionMarks() {
        const std::vector<std::pair<const char*, const char*>> matching = {
            {"", ""},
            {"*", ""},
            {"*", "orders"},
            {"**", "orders"},
            {"o*s", "orders"},
            {"o*r*", "orders"},
            {"*r", "order"},
            {"*ab", "aab"},
            {"*a*b?c", "xaybbxaybzc"},
            {"order?", "orders"},
            {"caf?", "caf\xC3\xA9"},
            {"*?", "\xE4\xBD\xA0"},
            {"a.b", "a.b"}};
        for (const auto& [glob, name] : matching) {
            CPPUNIT_ASSERT_MESSAGE(std::string(glob) + " and " + name, matchesGlob(glob, name));
        }
        const std::vector<std::pair<const char*, const char*>> differing = {
            {"", "a"},
            {"a", ""},
            {"?", ""},
            {"order?", "order"},
            {"order?", "orders2"},
            {"*?", ""},
            {"o*s", "order"},
            {"a.b", "aXb"},
            {"Orders", "orders"},
            {"??", "\xC3\xA9"},
            {"*a*b?c", "xaybbxaybc"}};
        for (const auto& [glob, name] : differing) {
            CPPUNIT_ASSERT_MESSAGE(std::string(glob) + " and " + name, !matchesGlob(glob, name));
        }
    }

    /// A matcher that tries every length of every star would not end.
    void aLongGlobIsMatchedInModestTime() {
        std::string glob;
        for (int i = 0; i < 200; ++i) {
            glob += "*a";
        }
        CPPUNIT_ASSERT(!matchesGlob(glob + "b", std::string(2000, 'a')));
        CPPUNIT_ASSERT(matchesGlob(glob, std::string(2000, 'a')));
    }

    void theNameThatARouteDemandsIsNotAGlob() {
        CPPUNIT_ASSERT(!covers("add:mail", {Scope::Kind::Add, "*"}));
        CPPUNIT_ASSERT(covers("add:*", {Scope::Kind::Add, "*"}));
        CPPUNIT_ASSERT(covers("add:a?b", {Scope::Kind::Add, "a[b"}));
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(ScopeTest);
