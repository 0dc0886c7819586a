#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "drover/Export.h"

namespace drover {

/// The identity of a span as it travels between programs. A value; one without ids stands for no span.
///
/// Source: W3C Trace Context, version 00. In HTTP the headers `traceparent` and `tracestate`; in a job the option `tm`, the
/// JSON text {"traceparent": string, "tracestate"?: string} that BullMQ's telemetry writes.
struct DROVER_API TraceContext {
    std::uint64_t traceHigh = 0;  ///< The first 8 bytes of the trace id.
    std::uint64_t traceLow = 0;   ///< The last 8 bytes of the trace id.
    std::uint64_t spanId = 0;
    bool sampled = false;  ///< The span is recorded; every program of the trace is to follow that.
    std::string state;     ///< `tracestate`, passed on unchanged; empty: none.

    /// Parses the two headers. Ignores a `tracestate` that breaks the rules. Returns std::nullopt for a `traceparent` that
    /// breaks them: upper case, an id of zeros, version ff, another length. A version above 00 may have further fields.
    static std::optional<TraceContext> parse(std::string_view traceparent,
                                             std::string_view tracestate = {});
    /// Parses the text of the option `tm`. Returns std::nullopt if it has no valid `traceparent`.
    static std::optional<TraceContext> parseMetadata(std::string_view json);

    [[nodiscard]] bool isSet() const { return (traceHigh | traceLow) != 0 && spanId != 0; }
    /// Returns "00-<trace id>-<span id>-<flags>".
    [[nodiscard]] std::string traceparent() const;
    /// Returns the text of the option `tm`.
    [[nodiscard]] std::string metadata() const;

    bool operator==(const TraceContext&) const = default;
};

/// Makes a context the current one of the thread while the object lives: adds on the thread have it as their cause.
class DROVER_API TraceScope {
public:
    /// `context` must outlive this object.
    explicit TraceScope(const TraceContext& context);
    ~TraceScope();
    TraceScope(const TraceScope&) = delete;
    TraceScope& operator=(const TraceScope&) = delete;

    /// Returns the current context of the thread; one that is not set if there is none.
    [[nodiscard]] static const TraceContext& current();

private:
    const TraceContext* const previous_;
};

}  // namespace drover
