#include <algorithm>
#include <map>
#include <set>
#include <string>

#include <Poco/Exception.h>
#include <cppunit/extensions/HelperMacros.h>

#include "drover/Exceptions.h"
#include "drover/FlowProducer.h"
#include "support/Assert.h"
#include "support/RedisFixture.h"
#include "support/WholeQueue.h"

namespace {

using namespace drover;
using namespace drover::test;

using Pairs = JobChildren::Values;

}  // namespace

/// Reads of a job's children, and of trees.
class JobChildrenTest : public RedisFixture {
    CPPUNIT_TEST_SUITE(JobChildrenTest);
    CPPUNIT_TEST(childrenAreReadByWhatBecameOfThem);
    CPPUNIT_TEST(aJobWithoutChildrenHasNone);
    CPPUNIT_TEST(pagesTogetherHaveEveryChildOnce);
    CPPUNIT_TEST(onlyDemandedKindsAreRead);
    CPPUNIT_TEST(aCountBelowOneIsRefused);
    CPPUNIT_TEST(aTreeIsReadLevelByLevel);
    CPPUNIT_TEST(levelsAndChildrenHaveBounds);
    CPPUNIT_TEST(aRemovedChildIsNull);
    CPPUNIT_TEST(aChildInAQueueOfAnotherPrefixIsRead);
    CPPUNIT_TEST(anUnreadableJobIsAnError);
    CPPUNIT_TEST(aKeyOfAnotherTypeIsAnError);
    CPPUNIT_TEST_SUITE_END();

public:
    void setUp() override {
        RedisFixture::setUp();
        const std::string qualified = keys().qualifiedName();
        name_ = qualified.substr(qualified.find(':') + 1);
        reader_ = std::make_unique<QueueReader>(handleOf(options()),
                                                QueueReader::Settings{"bull", name_});
    }

    void childrenAreReadByWhatBecameOfThem() {
        prepare();
        const JobChildren children = reader_->children("p");
        CPPUNIT_ASSERT(children.processed == (Pairs{{keys().job("c1"), "{\"n\":1}"}}));
        CPPUNIT_ASSERT(children.unprocessed == std::vector<std::string>{keys().job("c2")});
        CPPUNIT_ASSERT(children.ignored == (Pairs{{keys().job("c3"), "no luck"}}));
        CPPUNIT_ASSERT(children.failed == std::vector<std::string>{keys().job("c4")});
        const ChildCounts counts = reader_->childCounts("p");
        CPPUNIT_ASSERT_EQUAL(std::int64_t{1}, counts.processed);
        CPPUNIT_ASSERT_EQUAL(std::int64_t{1}, counts.unprocessed);
        CPPUNIT_ASSERT_EQUAL(std::int64_t{1}, counts.ignored);
        CPPUNIT_ASSERT_EQUAL(std::int64_t{1}, counts.failed);
        CPPUNIT_ASSERT(reader_->childrenValues("p") == children.processed);
        CPPUNIT_ASSERT(reader_->ignoredChildrenFailures("p") == children.ignored);
    }

    void aJobWithoutChildrenHasNone() {
        const JobChildren none = reader_->children("unknown");
        CPPUNIT_ASSERT(none.processed.empty() && none.unprocessed.empty() && none.ignored.empty() &&
                       none.failed.empty());
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, reader_->childCounts("unknown").unprocessed);
        CPPUNIT_ASSERT(reader_->childrenValues("unknown").empty());
    }

    void pagesTogetherHaveEveryChildOnce() {
        // Beyond the size that Redis returns whole.
        const int count = 1200;
        for (int i = 0; i < count; ++i) {
            const std::string child = keys().job("c" + std::to_string(i));
            redis({"HSET", keys().job("p:processed"), child, std::to_string(i)});
            redis({"SADD", keys().job("p:dependencies"), child});
            redis({"HSET", keys().job("p:failed"), child, "reason"});
            redis({"ZADD", keys().job("p:unsuccessful"), std::to_string(i), child});
        }
        std::set<std::string> processed, unprocessed, ignored, failed;
        ChildPages pages;
        pages.processed = pages.unprocessed = pages.ignored = pages.failed = ChildPage{0, 100};
        int reads = 0;
        const auto follow = [](std::optional<ChildPage>& page, std::uint64_t next) {
            page = next == 0 ? std::nullopt : std::optional<ChildPage>({next, 100});
        };
        while (pages.processed || pages.unprocessed || pages.ignored || pages.failed) {
            const ChildrenPage page = reader_->children("p", pages);
            CPPUNIT_ASSERT(page.children.processed.size() < 300);
            CPPUNIT_ASSERT(page.children.failed.size() <= 100);
            for (const auto& [key, value] : page.children.processed) {
                CPPUNIT_ASSERT(processed.insert(key).second);
                CPPUNIT_ASSERT_EQUAL(key, keys().job("c" + value));
            }
            for (const auto& [key, reason] : page.children.ignored) {
                CPPUNIT_ASSERT(ignored.insert(key).second);
            }
            unprocessed.insert(page.children.unprocessed.begin(), page.children.unprocessed.end());
            failed.insert(page.children.failed.begin(), page.children.failed.end());
            follow(pages.processed, page.nextProcessed);
            follow(pages.unprocessed, page.nextUnprocessed);
            follow(pages.ignored, page.nextIgnored);
            follow(pages.failed, page.nextFailed);
            CPPUNIT_ASSERT(++reads < 100);
        }
        for (const auto* seen : {&processed, &unprocessed, &ignored, &failed}) {
            CPPUNIT_ASSERT_EQUAL(std::size_t{1200}, seen->size());
        }
    }

    void onlyDemandedKindsAreRead() {
        prepare();
        ChildPages pages;
        pages.failed = ChildPage{};
        const ChildrenPage page = reader_->children("p", pages);
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, page.children.failed.size());
        CPPUNIT_ASSERT_EQUAL(std::uint64_t{0}, page.nextFailed);
        CPPUNIT_ASSERT(page.children.processed.empty() && page.children.unprocessed.empty() &&
                       page.children.ignored.empty());
    }

    void aCountBelowOneIsRefused() {
        ChildPages pages;
        pages.ignored = ChildPage{0, 0};
        CPPUNIT_ASSERT_THROW(static_cast<void>(reader_->children("p", pages)),
                             Poco::InvalidArgumentException);
    }

    void aTreeIsReadLevelByLevel() {
        prepare();
        const FlowNode tree = flow();
        CPPUNIT_ASSERT_EQUAL(keys().job("p"), tree.key);
        assertEqual("c1 c2 c4 c3", idsOf(tree));
        // A child of a child.
        assertEqual("g", idsOf(tree.children.at(1)));
        CPPUNIT_ASSERT_EQUAL(R"({"job":)" + reader_->job("c2")->toJson() +
                                 R"(,"children":[{"job":)" + reader_->job("g")->toJson() + "}]}",
                             tree.children.at(1).toJson());
        CPPUNIT_ASSERT(!producer().flow(name_, "unknown"));
    }

    void levelsAndChildrenHaveBounds() {
        prepare();
        CPPUNIT_ASSERT(flow({1, 20}).children.empty());
        CPPUNIT_ASSERT(flow({2, 20}).children.at(1).children.empty());
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, flow({3, 20}).children.at(1).children.size());
        for (int i = 0; i < 1000; ++i) {
            redis({"ZADD", keys().job("p:unsuccessful"), "9", keys().job("n" + std::to_string(i))});
        }
        CPPUNIT_ASSERT_EQUAL(std::size_t{3 + 5}, flow({2, 5}).children.size());
        for (const FlowDepth wrong : {FlowDepth{0, 20}, FlowDepth{1001, 20}, FlowDepth{10, 0}}) {
            CPPUNIT_ASSERT_THROW(static_cast<void>(flow(wrong)), Poco::InvalidArgumentException);
        }
        CPPUNIT_ASSERT_THROW(static_cast<void>(producer().flow("a:b", "p")),
                             Poco::InvalidArgumentException);
    }

    void aRemovedChildIsNull() {
        prepare();
        redis({"DEL", keys().job("c3")});
        const FlowNode tree = flow({2, 20});
        CPPUNIT_ASSERT(!tree.children.at(3).job);
        CPPUNIT_ASSERT_EQUAL(keys().job("c3"), tree.children.at(3).key);
        assertContains(tree.toJson(), "},null]}");
    }

    void aChildInAQueueOfAnotherPrefixIsRead() {
        store("p");
        redis({"SADD", keys().job("p:dependencies"), "other:{x}:q:1"});
        redis({"HSET", "other:{x}:q:1", "name", "far", "data", "{}", "opts", "{}"});
        const FlowNode tree = flow();
        assertEqual("far", tree.children.at(0).job->name);
        assertEqual("other:{x}:q", tree.children.at(0).job->queueQualifiedName);
        redis({"DEL", "other:{x}:q:1"});
    }

    void anUnreadableJobIsAnError() {
        prepare();
        redis({"HSET", keys().job("c2"), "opts", "no JSON"});
        CPPUNIT_ASSERT_THROW(static_cast<void>(flow()), JobFormatException);
    }

    void aKeyOfAnotherTypeIsAnError() {
        prepare();
        redis({"DEL", keys().job("c2:dependencies")});
        redis({"SET", keys().job("c2:dependencies"), "text"});
        CPPUNIT_ASSERT_THROW(static_cast<void>(flow()), ScriptException);
        CPPUNIT_ASSERT_THROW(static_cast<void>(reader_->childCounts("c2")), ScriptException);
    }

private:
    void store(const std::string& id) {
        redis({"HSET",
               keys().job(id),
               "name",
               id,
               "data",
               "{}",
               "opts",
               "{\"attempts\":0}",
               "timestamp",
               "1795382406903",
               "delay",
               "0",
               "priority",
               "0"});
    }

    /// A job "p" with a child of each kind; the pending one has a child itself.
    void prepare() {
        for (const char* id : {"p", "c1", "c2", "c3", "c4", "g"}) {
            store(id);
        }
        redis({"HSET", keys().job("p:processed"), keys().job("c1"), "{\"n\":1}"});
        redis({"SADD", keys().job("p:dependencies"), keys().job("c2")});
        redis({"HSET", keys().job("p:failed"), keys().job("c3"), "no luck"});
        redis({"ZADD", keys().job("p:unsuccessful"), "1", keys().job("c4")});
        redis({"SADD", keys().job("c2:dependencies"), keys().job("g")});
    }

    FlowProducer& producer() {
        if (!producer_) {
            producer_ =
                std::make_unique<FlowProducer>(handleOf(options()), FlowProducer::Settings{});
        }
        return *producer_;
    }
    FlowNode flow(const FlowDepth& depth = {}) {
        auto tree = producer().flow(name_, "p", depth);
        CPPUNIT_ASSERT(tree);
        return *tree;
    }
    static std::string idsOf(const FlowNode& node) {
        // The order of a level: completed, pending, failed, ignored.
        std::string ids;
        for (const FlowNode& child : node.children) {
            ids += (ids.empty() ? "" : " ") + child.job->id;
        }
        return ids;
    }

    std::string name_;
    std::unique_ptr<QueueReader> reader_;
    std::unique_ptr<FlowProducer> producer_;
};

CPPUNIT_TEST_SUITE_REGISTRATION(JobChildrenTest);
