#include "host/TraceExport.h"

#include <algorithm>
#include <cstdint>
#include <unistd.h>
#include <utility>

#include <Poco/Environment.h>

#include "core/Version.h"

namespace drover {

namespace {

/// How long the last spans may take: so much also if the work before has used all of the time,
constexpr std::chrono::milliseconds kLastExport{1000};
/// and no more than this, since a collector that is away must not hold up the end of the process.
constexpr std::chrono::milliseconds kLongestExport{3000};

OtlpExporter::Settings settingsOf(const TraceSettings& settings) {
    OtlpExporter::Settings exporter;
    exporter.endpoint = settings.endpoint;
    exporter.headers = settings.headers;
    exporter.caFile = settings.caFile;
    exporter.timeout = settings.timeout;
    exporter.delay = settings.delay;
    exporter.maxBatch = settings.maxBatch;
    exporter.resource = settings.attributes;
    exporter.resource.emplace_back("telemetry.sdk.name", "drover");
    exporter.resource.emplace_back("telemetry.sdk.language", "cpp");
    exporter.resource.emplace_back("telemetry.sdk.version", version());
    exporter.resource.emplace_back("host.name", Poco::Environment::nodeName());
    exporter.resource.emplace_back("process.pid", std::to_string(getpid()));
    return exporter;
}

}  // namespace

std::shared_ptr<Tracer> tracerOf(const TraceSettings& settings) {
    if (settings.endpoint.empty()) {
        return nullptr;
    }
    Tracer::Settings tracer;
    tracer.ratio = settings.ratio;
    tracer.followsParent = settings.followsParent;
    tracer.passUnsampled = settings.passUnsampled;
    tracer.maxQueued = settings.maxQueued;
    tracer.wakeAt = settings.maxBatch;
    return std::make_shared<Tracer>(tracer);
}

TraceExport::TraceExport(const TraceSettings& settings, std::shared_ptr<Tracer> tracer)
    : tracer_(std::move(tracer)), exporter_(settingsOf(settings), *tracer_) {}

void TraceExport::drain(Clock::time_point deadline) {
    const auto now = Clock::now();
    const auto until = std::clamp(deadline, now + kLastExport, now + kLongestExport);
    stillBusy_ = !exporter_.stop(stopNow_ ? now + kLastExport : until);
}

HealthReports TraceExport::health() const {
    const OtlpExporter::Counts counts = exporter_.counts();
    const std::string problem = exporter_.problem();
    HealthReport report;
    report.detail = "exported " + std::to_string(counts.exported) + ", dropped " +
                    std::to_string(tracer_->dropped()) + ", lost " + std::to_string(counts.lost) +
                    (problem.empty() ? "" : "; the collector does not accept spans: " + problem);
    report.counts = {{"exported", static_cast<std::int64_t>(counts.exported)},
                     {"dropped", static_cast<std::int64_t>(tracer_->dropped())},
                     {"lost", static_cast<std::int64_t>(counts.lost)}};
    return {{"trace", report}};
}

}  // namespace drover
