#pragma once

#include <atomic>
#include <memory>
#include <string>

#include "config/TraceSettings.h"
#include "drover/Trace.h"
#include "process/Component.h"
#include "trace/OtlpExporter.h"

namespace drover {

/// Returns the tracer of a process; nullptr: there are no traces.
[[nodiscard]] std::shared_ptr<Tracer> tracerOf(const TraceSettings& settings);

/// Exports the spans of a process. Drained last, with the spans of everything that ended before.
class TraceExport : public Component {
public:
    /// Throws ConfigException for a CA file that cannot be read.
    TraceExport(const TraceSettings& settings, std::shared_ptr<Tracer> tracer);

    [[nodiscard]] const std::string& name() const override { return name_; }
    void start() override { exporter_.start(); }
    void drain(Clock::time_point deadline) override;
    [[nodiscard]] bool stillBusy() const override { return stillBusy_; }
    void stopNow() override { stopNow_ = true; }
    /// Never unfit: work goes on without a collector.
    [[nodiscard]] HealthReports health() const override;

private:
    const std::string name_ = "trace";
    const std::shared_ptr<Tracer> tracer_;
    OtlpExporter exporter_;
    std::atomic<bool> stopNow_{false};
    bool stillBusy_ = false;
};

}  // namespace drover
