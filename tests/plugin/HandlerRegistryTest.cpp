#include <utility>

#include <cppunit/extensions/HelperMacros.h>

#include "drover/Exceptions.h"
#include "plugin/loading/HandlerRegistry.h"
#include "support/Assert.h"

using drover::test::assertContains;
using drover::test::assertEqual;

using namespace drover;

namespace {

/// A handler type with nothing but names and a queue.
class NamedType : public HandlerType {
public:
    NamedType(std::string name, std::string queue, std::vector<std::string> jobNames)
        : name_(std::move(name)), queue_(std::move(queue)), jobNames_(std::move(jobNames)) {}
    [[nodiscard]] const std::string& name() const override { return name_; }
    [[nodiscard]] const std::string& pluginVersion() const override { return name_; }
    [[nodiscard]] const std::vector<std::string>& jobNames() const override { return jobNames_; }
    [[nodiscard]] const std::string& defaultQueue() const override { return queue_; }
    [[nodiscard]] std::uint32_t batchMax() const override { return 1; }
    [[nodiscard]] const std::map<std::string, std::string>& defaultOptions() const override {
        return options_;
    }
    [[nodiscard]] std::unique_ptr<HandlerInstance> create() override { return nullptr; }

private:
    std::string name_;
    std::string queue_;
    std::vector<std::string> jobNames_;
    std::map<std::string, std::string> options_;
};

std::shared_ptr<HandlerType> type(const std::string& name,
                                  const std::string& queue,
                                  std::vector<std::string> jobNames) {
    return std::make_shared<NamedType>(name, queue, std::move(jobNames));
}

/// The alias "mail" stands for the queue "emails"; every other name is a queue's own.
std::string resolve(const std::string& queue) {
    return queue == "mail" ? "emails" : queue;
}

std::string refusalOf(const HandlerRegistry::Types& types) {
    try {
        const HandlerRegistry registry(types, resolve);
    } catch (const PluginException& error) {
        return error.message();
    }
    return "";
}

}  // namespace

/// Which handlers serve which queue, and which of them cannot live together.
class HandlerRegistryTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(HandlerRegistryTest);
    CPPUNIT_TEST(handlersAreFoundByTheResolvedQueue);
    CPPUNIT_TEST(queueThatIsNotServedHasNoHandlers);
    CPPUNIT_TEST(sameJobNameInOneQueueIsRefusedNamingBoth);
    CPPUNIT_TEST(sameJobNameInTwoQueuesIsFine);
    CPPUNIT_TEST(oneHandlerForEveryOtherNameIsFineTwoAreNot);
    CPPUNIT_TEST_SUITE_END();

public:
    void handlersAreFoundByTheResolvedQueue() {
        const auto byAlias = type("a/send", "mail", {"send"});
        const auto byName = type("b/check", "emails", {"check"});
        const auto other = type("b/print", "paper", {"print"});
        const HandlerRegistry registry({byAlias, byName, other}, resolve);
        CPPUNIT_ASSERT(registry.queues() == (std::vector<std::string>{"emails", "paper"}));
        CPPUNIT_ASSERT(registry.handlersOf("emails") == (HandlerRegistry::Types{byAlias, byName}));
        CPPUNIT_ASSERT(registry.handlersOf("paper") == HandlerRegistry::Types{other});
    }

    void queueThatIsNotServedHasNoHandlers() {
        CPPUNIT_ASSERT(HandlerRegistry().queues().empty());
        CPPUNIT_ASSERT(
            HandlerRegistry({type("a/x", "x", {"x"})}, resolve).handlersOf("mail").empty());
    }

    void sameJobNameInOneQueueIsRefusedNamingBoth() {
        assertEqual(
            "queue 'emails': the job name 'send' is claimed by the "
            "handler a/send and by the handler "
            "b/promo; only one of them can be loaded for this queue",
            refusalOf(
                {type("a/send", "mail", {"send"}), type("b/promo", "emails", {"other", "send"})}));
    }

    void sameJobNameInTwoQueuesIsFine() {
        CPPUNIT_ASSERT_EQUAL(
            std::string(),
            refusalOf({type("a/send", "mail", {"send"}), type("b/send", "sms", {"send"})}));
    }

    void oneHandlerForEveryOtherNameIsFineTwoAreNot() {
        CPPUNIT_ASSERT_EQUAL(
            std::string(),
            refusalOf({type("a/send", "mail", {"send"}), type("a/rest", "mail", {})}));
        const std::string refusal =
            refusalOf({type("a/rest", "mail", {}), type("b/rest", "mail", {})});
        assertContains(refusal,
                       "every other job name is claimed by the handler a/rest and by "
                       "the handler b/rest");
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(HandlerRegistryTest);
