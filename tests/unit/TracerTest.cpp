#include <chrono>
#include <cstdint>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <cppunit/extensions/HelperMacros.h>

#include "drover/Trace.h"
#include "support/Assert.h"

using namespace drover;
using drover::test::assertEqual;

namespace {

TraceContext parent(bool sampled) {
    return {0x4bf92f3577b34da6, 0xa3ce929d0e0e4736, 0x00f067aa0ba902b7, sampled, "a=1"};
}

Span named(const std::string& name) {
    Span span;
    span.name = name;
    return span;
}

std::string namesOf(const std::vector<Span>& spans) {
    std::string names;
    for (const Span& span : spans) {
        names += span.name + " ";
    }
    return names;
}

}  // namespace

/// Which spans are recorded, and the queue in front of the exporter.
class TracerTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(TracerTest);
    CPPUNIT_TEST(aChildIsInTheTraceOfItsParent);
    CPPUNIT_TEST(theDecisionOfTheParentHolds);
    CPPUNIT_TEST(aSamplerMayDecideAlone);
    CPPUNIT_TEST(jobsMayLackTheContextOfWhatIsNotRecorded);
    CPPUNIT_TEST(theRatioIsTheShareOfTheRoots);
    CPPUNIT_TEST(everyIdIsAnother);
    CPPUNIT_TEST(aFullQueueDropsAndCounts);
    CPPUNIT_TEST(enoughSpansEndTheWait);
    CPPUNIT_TEST(wakingEndsEveryWait);
    CPPUNIT_TEST(attributesAreBounded);
    CPPUNIT_TEST_SUITE_END();

public:
    void aChildIsInTheTraceOfItsParent() {
        const Tracer tracer({});
        const SpanStart child = tracer.start(parent(true));
        CPPUNIT_ASSERT_EQUAL(parent(true).traceHigh, child.context.traceHigh);
        CPPUNIT_ASSERT_EQUAL(parent(true).traceLow, child.context.traceLow);
        CPPUNIT_ASSERT_EQUAL(parent(true).spanId, child.parentId);
        CPPUNIT_ASSERT(child.context.spanId != child.parentId);
        assertEqual("a=1", child.context.state);
        CPPUNIT_ASSERT(child.beganNs > 0);
        const SpanStart root = tracer.start(TraceContext());
        CPPUNIT_ASSERT(root.context.isSet());
        CPPUNIT_ASSERT_EQUAL(std::uint64_t{0}, root.parentId);
    }

    void theDecisionOfTheParentHolds() {
        for (const double ratio : {0.0, 1.0}) {
            Tracer::Settings settings;
            settings.ratio = ratio;
            const Tracer tracer(settings);
            CPPUNIT_ASSERT(tracer.start(parent(true)).context.sampled);
            const SpanStart none = tracer.start(parent(false));
            CPPUNIT_ASSERT(!none.context.sampled);
            CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, none.beganNs);
            CPPUNIT_ASSERT_EQUAL(ratio == 1.0, tracer.start(TraceContext()).context.sampled);
        }
    }

    void aSamplerMayDecideAlone() {
        Tracer::Settings settings;
        settings.followsParent = false;
        CPPUNIT_ASSERT(Tracer(settings).start(parent(false)).context.sampled);
        settings.ratio = 0;
        CPPUNIT_ASSERT(!Tracer(settings).start(parent(true)).context.sampled);
        // One decision for a trace, by its id, wherever it is made.
        settings.ratio = 0.5;
        const Tracer tracer(settings);
        TraceContext low = parent(false);
        low.traceLow = 0x7fffffffffffffff;
        CPPUNIT_ASSERT(tracer.start(low).context.sampled);
        low.traceLow = 0x8000000000000000;
        CPPUNIT_ASSERT(!tracer.start(low).context.sampled);
    }

    void jobsMayLackTheContextOfWhatIsNotRecorded() {
        Tracer::Settings settings;
        for (const bool pass : {true, false}) {
            settings.passUnsampled = pass;
            const Tracer tracer(settings);
            const SpanStart none = tracer.start(parent(false));
            assertEqual(pass ? none.context.metadata() : "", tracer.metadataOf(none));
            const SpanStart recorded = tracer.start(parent(true));
            assertEqual(recorded.context.metadata(), tracer.metadataOf(recorded));
        }
    }

    void theRatioIsTheShareOfTheRoots() {
        Tracer::Settings settings;
        settings.ratio = 0.25;
        const Tracer tracer(settings);
        int sampled = 0;
        for (int i = 0; i < 10000; ++i) {
            sampled += tracer.start(TraceContext()).context.sampled ? 1 : 0;
        }
        // Twelve standard deviations.
        CPPUNIT_ASSERT_MESSAGE(std::to_string(sampled), sampled > 1980 && sampled < 3020);
    }

    void everyIdIsAnother() {
        constexpr int kThreads = 4;
        constexpr int kEach = 5000;
        const Tracer tracer({});
        std::vector<std::vector<std::uint64_t>> ids(kThreads);
        std::vector<std::thread> threads;
        for (auto& mine : ids) {
            threads.emplace_back([&mine, &tracer] {
                for (int i = 0; i < kEach; ++i) {
                    const SpanStart start = tracer.start(TraceContext());
                    mine.insert(
                        mine.end(),
                        {start.context.traceHigh, start.context.traceLow, start.context.spanId});
                }
            });
        }
        std::set<std::uint64_t> all;
        for (int i = 0; i < kThreads; ++i) {
            threads[i].join();
            all.insert(ids[i].begin(), ids[i].end());
        }
        CPPUNIT_ASSERT_EQUAL(std::size_t{3} * kThreads * kEach, all.size());
    }

    void aFullQueueDropsAndCounts() {
        Tracer::Settings settings;
        settings.maxQueued = 2;
        settings.wakeAt = 1;
        Tracer tracer(settings);
        for (const char* name : {"1", "2", "3", "4"}) {
            tracer.record(named(name));
        }
        CPPUNIT_ASSERT_EQUAL(std::uint64_t{2}, tracer.recorded());
        CPPUNIT_ASSERT_EQUAL(std::uint64_t{2}, tracer.dropped());
        assertEqual("1 ", namesOf(tracer.pop(1, std::chrono::minutes(1))));
        tracer.record(named("5"));
        assertEqual("2 5 ", namesOf(tracer.pop(9, std::chrono::minutes(1))));
    }

    void enoughSpansEndTheWait() {
        Tracer::Settings settings;
        settings.wakeAt = 3;
        Tracer tracer(settings);
        std::thread recording([&tracer] {
            for (const char* name : {"1", "2", "3"}) {
                tracer.record(named(name));
            }
        });
        const std::vector<Span> spans = tracer.pop(9, std::chrono::minutes(10));
        recording.join();
        assertEqual("1 2 3 ", namesOf(spans));
    }

    void wakingEndsEveryWait() {
        Tracer tracer({});
        tracer.record(named("1"));
        std::thread waking([&tracer] { tracer.wake(); });
        assertEqual("1 ", namesOf(tracer.pop(9, std::chrono::minutes(10))));
        CPPUNIT_ASSERT(tracer.pop(9, std::chrono::minutes(10)).empty());
        waking.join();
    }

    void attributesAreBounded() {
        SpanAttributes attributes;
        attributes.set("long", std::string(SpanAttributes::kMostBytes - 1, 'x') + "\u20ac");
        for (std::size_t i = 0; i < SpanAttributes::kMost + 4; ++i) {
            attributes.set("n", std::int64_t{7});
        }
        CPPUNIT_ASSERT_EQUAL(SpanAttributes::kMost, attributes.all().size());
        CPPUNIT_ASSERT_EQUAL(std::size_t{5}, attributes.dropped());
        // Not in the middle of a character.
        assertEqual(std::string(SpanAttributes::kMostBytes - 1, 'x'),
                    std::get<std::string>(attributes.all().front().second));
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(TracerTest);
