#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include <cppunit/TestAssert.h>
#include <cppunit/extensions/HelperMacros.h>

#include "compat/CompatFixture.h"
#include "compat/Differential.h"
#include "compat/model/Clients.h"
#include "compat/model/Operations.h"
#include "compat/model/Play.h"
#include "compat/model/QueueModel.h"
#include "compat/model/Step.h"

using namespace drover;
using namespace drover::test;

/// Random operations of BullMQ 6.7.0 and of Drover on the same two queues, one after the other. After each one every key, the
/// result and the events must be those of QueueModel.
///
/// DROVER_MODEL_OPERATIONS: how many (2000). DROVER_MODEL_SEED: which (drawn by chance); printed. DROVER_MODEL_COUNTS: set to
/// print how often each operation was done.
class ModelTest : public CompatFixture {
    CPPUNIT_TEST_SUITE(ModelTest);
    CPPUNIT_TEST(everyOperationLeavesTheStateOfTheModel);
    CPPUNIT_TEST(scriptThatDiffersIsShortened);
    CPPUNIT_TEST_SUITE_END();

public:
    ModelTest() : CompatFixture("6.7.0") {}

    void setUp() override {
        CompatFixture::setUp();
        queues_ = {"bull:" + queueName() + "-a", "bull:" + queueName() + "-b"};
        model_ = std::make_unique<QueueModel>(queues_);
        clients_ = std::make_unique<ModelClients>(peer(), client(), options(), queues_);
        play_ = std::make_unique<ModelPlay>(*clients_, *model_, queues_);
        play_->restart();
    }

    void tearDown() override {
        play_.reset();
        clients_.reset();
        redis({"FLUSHALL"});
        CompatFixture::tearDown();
    }

    void everyOperationLeavesTheStateOfTheModel() {
        const int count = fromEnvironment("DROVER_MODEL_OPERATIONS", 2000);
        const int seed = fromEnvironment("DROVER_MODEL_SEED",
                                         static_cast<int>(std::random_device{}() % 1000000));
        const std::string again =
            "./dev model " + std::to_string(count) + " " + std::to_string(seed);
        std::cerr << "\n" << count << " operations; once more: " << again << "\n";
        ModelOperations operations(*clients_, *model_, queues_, static_cast<std::uint32_t>(seed));
        std::vector<Step> script;
        while (std::ssize(script) < count) {
            script.push_back(operations.next());
            const std::string wrong = play_->differenceAfter(script.back());
            if (!wrong.empty()) {
                const std::size_t steps = script.size();
                std::cerr << "Operation " << steps << ", " << script.back().text << ":\n" << wrong;
                report(std::move(script));
                CPPUNIT_FAIL(again + ": operation " + std::to_string(steps) +
                             " differs; the text is above");
            }
        }
        printCounts(script);
    }

    void scriptThatDiffersIsShortened() {
        ModelOperations operations(*clients_, *model_, queues_, 1);
        std::vector<Step> script;
        for (int i = 0; i < 40; ++i) {
            script.push_back(operations.next());
            CPPUNIT_ASSERT_EQUAL(std::string(), play_->differenceAfter(script.back()));
        }
        Step pause;
        pause.text = "pause without the model";
        pause.at = script[24].at + 1;
        pause.act = [this] { return clients_->ours(queues_[0]).queue->pause(), ""; };
        pause.follow = [](std::int64_t) { return ""; };
        script.insert(script.begin() + 25, pause);
        const auto shortest = play_->shortened(script, 10000);
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, shortest.size());
        CPPUNIT_ASSERT_EQUAL(pause.text, shortest.front().text);
    }

private:
    /// Prints a short script with a difference, and the difference.
    void report(std::vector<Step> script) {
        const std::size_t budget = std::clamp<std::size_t>(10 * script.size(), 20000, 200000);
        std::cerr << "Repeating up to " << budget << " operations to find a shorter script.\n";
        const auto steps = play_->stepsToDifference(script);
        if (!steps) {
            std::cerr << "The same operations make no difference when they are repeated. The last "
                         "ones:\n";
            for (std::size_t i = script.size() - std::min<std::size_t>(script.size(), 20);
                 i < script.size();
                 ++i) {
                std::cerr << "  " << script[i].text << "\n";
            }
            return;
        }
        script.resize(*steps);
        script = play_->shortened(std::move(script), budget);
        play_->restart();
        std::cerr << "A script of " << script.size() << " of these operations that differs:\n";
        for (const Step& step : script) {
            if (step.applies && !step.applies()) {
                continue;
            }
            std::cerr << "  " << step.text << "\n" << play_->differenceAfter(step);
        }
    }

    static void printCounts(const std::vector<Step>& script) {
        if (std::getenv("DROVER_MODEL_COUNTS") == nullptr) {
            return;
        }
        std::map<std::string, int> counts;
        for (const Step& step : script) {
            ++counts[step.text.substr(0, step.text.find(' ', step.text.find(' ') + 1))];
        }
        for (const auto& [name, times] : counts) {
            std::cerr << "  " << times << " " << name << "\n";
        }
    }

    std::vector<std::string> queues_;  ///< Qualified names.
    std::unique_ptr<QueueModel> model_;
    std::unique_ptr<ModelClients> clients_;
    std::unique_ptr<ModelPlay> play_;
};
CPPUNIT_TEST_SUITE_REGISTRATION(ModelTest);
