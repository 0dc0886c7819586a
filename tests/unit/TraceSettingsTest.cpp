#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <tuple>
#include <vector>

#include <cppunit/extensions/HelperMacros.h>

#include "config/Configuration.h"
#include "config/Settings.h"
#include "support/Assert.h"

using namespace drover;
using drover::test::assertContains;
using drover::test::assertEqual;

namespace {

using Variables = std::map<std::string, std::string>;

Configuration configuration(const Variables& environment,
                            const std::vector<std::string>& settings = {}) {
    ConfigSources sources;
    sources.environment = environment;
    sources.settings = settings;
    return Configuration(sources);
}

TraceSettings settingsOf(const Variables& environment,
                         const std::vector<std::string>& settings = {}) {
    return Settings::read(configuration(environment, settings)).trace;
}

std::string problemsOf(const Variables& environment) {
    std::string all;
    for (const std::string& problem : Settings::check(configuration(environment))) {
        all += problem + "\n";
    }
    return all;
}

const Variables kOn = {{"OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318"}};

Variables with(const std::string& name, const std::string& value) {
    Variables variables = kOn;
    variables[name] = value;
    return variables;
}

}  // namespace

/// The keys of traces, and OpenTelemetry's variables for them.
class TraceSettingsTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(TraceSettingsTest);
    CPPUNIT_TEST(withoutAnEndpointThereAreNone);
    CPPUNIT_TEST(theEndpointOfAllSignalsHasAPathBelow);
    CPPUNIT_TEST(eachVariableSetsItsKey);
    CPPUNIT_TEST(ownKeysWin);
    CPPUNIT_TEST(eachSamplerIsOneOfOurs);
    CPPUNIT_TEST(theServiceHasAName);
    CPPUNIT_TEST(whatCannotBeFollowedIsNamed);
    CPPUNIT_TEST(withoutAnEndpointNothingIsAMistake);
    CPPUNIT_TEST_SUITE_END();

public:
    void withoutAnEndpointThereAreNone() {
        assertEqual("", settingsOf({}).endpoint);
        assertEqual("", settingsOf(with("OTEL_SDK_DISABLED", "true")).endpoint);
    }

    void theEndpointOfAllSignalsHasAPathBelow() {
        for (const char* url : {"http://collector:4318", "http://collector:4318/"}) {
            assertEqual("http://collector:4318/v1/traces",
                        settingsOf({{"OTEL_EXPORTER_OTLP_ENDPOINT", url}}).endpoint);
        }
        assertEqual(
            "https://collector/otlp/v1/traces",
            settingsOf({{"OTEL_EXPORTER_OTLP_ENDPOINT", "https://collector/otlp"}}).endpoint);
        assertEqual(
            "http://traces/in",
            settingsOf(with("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://traces/in")).endpoint);
    }

    void eachVariableSetsItsKey() {
        Variables variables = kOn;
        variables["OTEL_EXPORTER_OTLP_HEADERS"] = "x-key=a%20b, x-other=c=d";
        variables["OTEL_EXPORTER_OTLP_TIMEOUT"] = "1500";
        variables["OTEL_TRACES_SAMPLER_ARG"] = "0.25";
        variables["OTEL_RESOURCE_ATTRIBUTES"] = "deployment.environment=prod";
        variables["OTEL_BSP_SCHEDULE_DELAY"] = "100";
        variables["OTEL_BSP_MAX_EXPORT_BATCH_SIZE"] = "64";
        variables["OTEL_BSP_MAX_QUEUE_SIZE"] = "32";
        variables["OTEL_EXPORTER_OTLP_CERTIFICATE"] = "/etc/ca.pem";
        variables["OTEL_EXPORTER_OTLP_PROTOCOL"] = "http/json";
        const TraceSettings settings = settingsOf(variables);
        CPPUNIT_ASSERT(
            (settings.headers == TraceSettings::Pairs{{"x-key", "a b"}, {"x-other", "c=d"}}));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{1500}, std::int64_t{settings.timeout.count()});
        CPPUNIT_ASSERT_EQUAL(0.25, settings.ratio);
        CPPUNIT_ASSERT_EQUAL(std::int64_t{100}, std::int64_t{settings.delay.count()});
        CPPUNIT_ASSERT_EQUAL(std::size_t{32}, settings.maxQueued);
        CPPUNIT_ASSERT_EQUAL(std::size_t{32}, settings.maxBatch);  // No more than there can be.
        assertEqual("/etc/ca.pem", settings.caFile);
        assertEqual("prod", settings.attributes.back().second);
    }

    void ownKeysWin() {
        Variables variables = with("DROVER_TRACE_SAMPLING", "0.5");
        variables["OTEL_TRACES_SAMPLER_ARG"] = "0.25";
        CPPUNIT_ASSERT_EQUAL(0.5, settingsOf(variables).ratio);
        CPPUNIT_ASSERT_EQUAL(0.125, settingsOf(variables, {"trace.sampling=0.125"}).ratio);
    }

    void eachSamplerIsOneOfOurs() {
        const std::tuple<const char*, bool, double> samplers[] = {
            {"parentbased_traceidratio", true, 0.5},
            {"traceidratio", false, 0.5},
            {"parentbased_always_on", true, 1},
            {"always_on", false, 1},
            {"parentbased_always_off", true, 0},
            {"always_off", false, 0}};
        for (const auto& [name, follows, ratio] : samplers) {
            Variables variables = with("OTEL_TRACES_SAMPLER", name);
            variables["OTEL_TRACES_SAMPLER_ARG"] = "0.5";
            const TraceSettings settings = settingsOf(variables);
            CPPUNIT_ASSERT_EQUAL_MESSAGE(name, follows, settings.followsParent);
            CPPUNIT_ASSERT_EQUAL_MESSAGE(name, ratio, settings.ratio);
        }
    }

    void theServiceHasAName() {
        const auto nameOf = [](const TraceSettings& settings) {
            std::string names;
            for (const auto& [name, value] : settings.attributes) {
                names += name == "service.name" ? value + " " : "";
            }
            return names;
        };
        assertEqual("drover ", nameOf(settingsOf(kOn)));
        Variables variables = with("OTEL_RESOURCE_ATTRIBUTES", "service.name=a,b=c");
        assertEqual("a ", nameOf(settingsOf(variables)));
        variables["OTEL_SERVICE_NAME"] = "shop";
        assertEqual("shop ", nameOf(settingsOf(variables)));
    }

    void whatCannotBeFollowedIsNamed() {
        assertContains(problemsOf(with("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")),
                       "environment OTEL_EXPORTER_OTLP_PROTOCOL: trace.protocol = \"grpc\": "
                       "expected http/json");
        assertContains(
            problemsOf(with("OTEL_TRACES_SAMPLER", "jaeger_remote")),
            "trace.sampler = \"jaeger_remote\": expected one of parentbased_traceidratio");
        assertContains(problemsOf(with("OTEL_TRACES_SAMPLER_ARG", "2")),
                       "trace.sampling = \"2\": expected a number in [0, 1]");
        assertContains(problemsOf(with("OTEL_RESOURCE_ATTRIBUTES", "team")), "trace.attributes");
        const std::string secret =
            problemsOf(with("OTEL_EXPORTER_OTLP_HEADERS", "Bearer topsecret"));
        assertContains(secret, "trace.headers = \"***\"");
        drover::test::assertLacks(secret, "topsecret");
        assertContains(problemsOf({{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "collector:4317"}}),
                       "trace.endpoint = \"collector:4317\": expected a URL");
    }

    void withoutAnEndpointNothingIsAMistake() {
        assertEqual("",
                    problemsOf({{"OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"},
                                {"OTEL_TRACES_SAMPLER", "jaeger_remote"},
                                {"OTEL_RESOURCE_ATTRIBUTES", "team"}}));
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(TraceSettingsTest);
