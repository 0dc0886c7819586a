#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <cppunit/extensions/HelperMacros.h>

#include "drover/Exceptions.h"
#include "support/Assert.h"
#include "support/LogCapture.h"
#include "support/ServerProcess.h"
#include "support/StubCollector.h"
#include "support/TestCertificate.h"
#include "trace/OtlpExporter.h"

using namespace drover;
using namespace drover::test;
using std::chrono::milliseconds;
using Clock = OtlpExporter::Clock;

/// Spans reach a collector that is there, and a collector that is not costs spans and nothing else.
class OtlpExporterTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(OtlpExporterTest);
    CPPUNIT_TEST(spansGoOutInBatchesWithTheHeaders);
    CPPUNIT_TEST(aBusyCollectorGetsTheBatchAgain);
    CPPUNIT_TEST(aRefusedBatchIsLostAndTheNextOneGoesOut);
    CPPUNIT_TEST(aBatchIsGivenUpAfterItsAttempts);
    CPPUNIT_TEST(aSlowCollectorFillsTheQueueAndBlocksNothing);
    CPPUNIT_TEST(aCollectorThatIsAwayIsLoggedOnce);
    CPPUNIT_TEST(spansGoOutByHttps);
    CPPUNIT_TEST(aCollectorWithAnotherCertificateGetsNothing);
    CPPUNIT_TEST(theEndSendsWhatIsQueued);
    CPPUNIT_TEST(theEndDoesNotWaitForASlowCollector);
    CPPUNIT_TEST(anEndpointThatIsNotOneIsRefused);
    CPPUNIT_TEST_SUITE_END();

public:
    void setUp() override {
        log_ = std::make_unique<LogCapture>("trace");
        collector_ = std::make_unique<StubCollector>();
        settings_.endpoint = collector_->url();
        settings_.delay = milliseconds(1);
        settings_.firstPause = milliseconds(1);
        settings_.resource = {{"service.name", "shop"}};
    }
    void tearDown() override {
        collector_->release();
        exporter_.reset();
        tracer_.reset();
        collector_.reset();
        log_.reset();
    }

    void spansGoOutInBatchesWithTheHeaders() {
        settings_.headers = {{"Authorization", "Bearer secret"}};
        settings_.maxBatch = 2;
        settings_.delay = std::chrono::minutes(10);
        start(2048, 2);
        record({"1", "2"});
        const auto requests = collector_->awaitRequests(1);
        assertEqual("/v1/traces", requests[0].path);
        assertEqual("Bearer secret", requests[0].headers.at("authorization"));
        assertEqual("application/json", requests[0].headers.at("content-type"));
        const auto spans = parseExport(requests[0].body);
        CPPUNIT_ASSERT_EQUAL(std::size_t{2}, spans.size());
        assertEqual("1", spans[0].name);
        assertEqual("shop", spans[0].service);
    }

    void aBusyCollectorGetsTheBatchAgain() {
        collector_->answerBy({{429, "{}", "1"}, {503}, {502}, {504}});
        start();
        record({"1"});
        const auto requests = collector_->awaitRequests(5);
        for (const auto& request : requests) {
            assertEqual(requests[0].body, request.body);
        }
        await([this] { return exporter_->counts().exported == 1; });
        CPPUNIT_ASSERT_EQUAL(std::uint64_t{0}, exporter_->counts().lost);
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, log_->count("it answered 429"));
        await([this] { return log_->count("accepts spans again") == 1; });
        assertEqual("", exporter_->problem());
    }

    void aRefusedBatchIsLostAndTheNextOneGoesOut() {
        collector_->answerBy({{500, "broken"}});
        start();
        record({"1"});
        await([this] { return exporter_->counts().lost == 1; });
        assertContains(exporter_->problem(), "it answered 500 broken");
        record({"2"});
        await([this] { return exporter_->counts().exported == 1; });
        assertEqual("2", parseExport(collector_->awaitRequests(2)[1].body).front().name);
    }

    void aBatchIsGivenUpAfterItsAttempts() {
        settings_.attempts = 2;
        collector_->answerBy({{503}, {503}});
        start();
        record({"1"});
        await([this] { return exporter_->counts().lost == 1; });
        record({"2"});
        await([this] { return exporter_->counts().exported == 1; });
        CPPUNIT_ASSERT_EQUAL(std::size_t{3}, collector_->awaitRequests(3).size());
    }

    void aSlowCollectorFillsTheQueueAndBlocksNothing() {
        collector_->hold();
        start(2);
        record({"1"});
        (void)collector_->awaitRequests(1);
        record({"2", "3", "4", "5"});
        CPPUNIT_ASSERT_EQUAL(std::uint64_t{2}, tracer_->dropped());
        collector_->release();
        await([this] { return exporter_->counts().exported == 3; });
    }

    void aCollectorThatIsAwayIsLoggedOnce() {
        settings_.endpoint = "http://127.0.0.1:" + std::to_string(freePort()) + "/v1/traces";
        settings_.attempts = 3;
        start();
        record({"1"});
        await([this] { return exporter_->counts().lost == 1; });
        record({"2"});
        await([this] { return exporter_->counts().lost == 2; });
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, log_->count("does not accept spans"));
        CPPUNIT_ASSERT(!exporter_->problem().empty());
    }

    void spansGoOutByHttps() {
        const TestCertificate certificate("127.0.0.1");
        useCollector(certificate, certificate);
        start();
        record({"1"});
        assertEqual("1", parseExport(collector_->awaitRequests(1)[0].body).front().name);
        await([this] { return exporter_->counts().exported == 1; });
    }

    void aCollectorWithAnotherCertificateGetsNothing() {
        settings_.attempts = 2;
        const TestCertificate right("127.0.0.1");
        const TestCertificate wrongName("collector.example");
        for (const auto& [shown, trusted] :
             {std::pair(&right, &wrongName), std::pair(&wrongName, &wrongName)}) {
            useCollector(*shown, *trusted);
            start();
            record({"1"});
            await([this] { return exporter_->counts().lost == 1; });
            CPPUNIT_ASSERT(!exporter_->problem().empty());
            CPPUNIT_ASSERT_EQUAL(std::size_t{0}, collector_->awaitRequests(0).size());
        }
    }

    void theEndSendsWhatIsQueued() {
        settings_.delay = std::chrono::minutes(10);
        settings_.maxBatch = 2;
        start();
        record({"1", "2", "3"});
        CPPUNIT_ASSERT(exporter_->stop(Clock::now() + std::chrono::minutes(1)));
        CPPUNIT_ASSERT_EQUAL(std::uint64_t{3}, exporter_->counts().exported);
        CPPUNIT_ASSERT_EQUAL(std::size_t{2}, collector_->awaitRequests(2).size());
    }

    void theEndDoesNotWaitForASlowCollector() {
        collector_->hold();
        start();
        record({"1"});
        (void)collector_->awaitRequests(1);
        CPPUNIT_ASSERT(!exporter_->stop(Clock::now()));
    }

    void anEndpointThatIsNotOneIsRefused() {
        Tracer tracer({});
        for (const char* wrong : {"", "127.0.0.1:4318", "grpc://collector:4317", "http://"}) {
            settings_.endpoint = wrong;
            CPPUNIT_ASSERT_THROW_MESSAGE(wrong, OtlpExporter(settings_, tracer), ConfigException);
        }
        settings_.endpoint = "https://127.0.0.1/v1/traces";
        settings_.caFile = "/nowhere/ca.pem";
        CPPUNIT_ASSERT_THROW(OtlpExporter(settings_, tracer), ConfigException);
    }

private:
    /// Replaces the collector by one that speaks HTTPS.
    void useCollector(const TestCertificate& shown, const TestCertificate& trusted) {
        exporter_.reset();
        collector_ = std::make_unique<StubCollector>(&shown);
        settings_.endpoint = collector_->url();
        settings_.caFile = trusted.certificate();
    }
    void start(std::size_t maxQueued = 2048, std::size_t wakeAt = 512) {
        Tracer::Settings tracer;
        tracer.maxQueued = maxQueued;
        tracer.wakeAt = wakeAt;
        tracer_ = std::make_unique<Tracer>(tracer);
        exporter_ = std::make_unique<OtlpExporter>(settings_, *tracer_);
        exporter_->start();
    }
    void record(const std::vector<std::string>& names) {
        for (const std::string& name : names) {
            Span span;
            span.name = name;
            span.start = tracer_->start(TraceContext());
            tracer_->record(std::move(span));
        }
    }
    template <typename Condition>
    static void await(Condition condition) {
        const auto until = Clock::now() + std::chrono::minutes(1);
        while (!condition()) {
            CPPUNIT_ASSERT_MESSAGE("not within a minute", Clock::now() < until);
            std::this_thread::sleep_for(milliseconds(1));
        }
    }

    OtlpExporter::Settings settings_;
    std::unique_ptr<LogCapture> log_;
    std::unique_ptr<StubCollector> collector_;
    std::unique_ptr<Tracer> tracer_;
    std::unique_ptr<OtlpExporter> exporter_;
};

CPPUNIT_TEST_SUITE_REGISTRATION(OtlpExporterTest);
