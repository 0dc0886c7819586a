#include "trace/OtlpJson.h"

#include <array>
#include <cstdint>
#include <optional>
#include <variant>

#include "core/Version.h"
#include "drover/Json.h"
#include "drover/JsonWriter.h"

namespace drover {

namespace {

void writeHex(JsonWriter& out, std::string_view name, const std::vector<std::uint64_t>& words) {
    std::string text;
    for (const std::uint64_t word : words) {
        for (int shift = 60; shift >= 0; shift -= 4) {
            text += "0123456789abcdef"[word >> static_cast<unsigned>(shift) & 15U];
        }
    }
    out.key(name).text(text);
}

struct ValueWriter {
    JsonWriter& out;

    void operator()(const std::string& text) const {
        out.beginObject().key("stringValue").text(text).endObject();
    }
    void operator()(std::int64_t number) const {
        out.beginObject().key("intValue").text(std::to_string(number)).endObject();
    }
    void operator()(bool value) const {
        out.beginObject().key("boolValue").boolean(value).endObject();
    }
    void operator()(const std::vector<std::string>& texts) const {
        out.beginObject().key("arrayValue").beginObject().key("values").beginArray();
        for (const std::string& text : texts) {
            (*this)(text);
        }
        out.endArray().endObject().endObject();
    }
};

void write(JsonWriter& out, const SpanAttributes& attributes) {
    out.key("attributes").beginArray();
    for (const auto& [name, value] : attributes.all()) {
        out.beginObject().key("key").text(name).key("value");
        std::visit(ValueWriter{out}, value);
        out.endObject();
    }
    out.endArray();
    if (attributes.dropped() > 0) {
        out.key("droppedAttributesCount").number(attributes.dropped());
    }
}

void write(JsonWriter& out, const Span& span) {
    const TraceContext& context = span.start.context;
    out.beginObject();
    writeHex(out, "traceId", {context.traceHigh, context.traceLow});
    writeHex(out, "spanId", {context.spanId});
    if (!context.state.empty()) {
        out.key("traceState").text(context.state);
    }
    if (span.start.parentId != 0) {
        writeHex(out, "parentSpanId", {span.start.parentId});
    }
    out.key("flags").number(context.sampled ? 1 : 0);
    out.key("name").text(span.name);
    out.key("kind").number(static_cast<int>(span.kind));
    out.key("startTimeUnixNano").text(std::to_string(span.start.beganNs));
    out.key("endTimeUnixNano").text(std::to_string(span.endedNs));
    write(out, span.attributes);
    if (!span.events.empty()) {
        out.key("events").beginArray();
        for (const Span::Event& event : span.events) {
            out.beginObject().key("timeUnixNano").text(std::to_string(event.atNs));
            out.key("name").text(event.name);
            write(out, event.attributes);
            out.endObject();
        }
        out.endArray();
    }
    out.key("status").beginObject();
    if (span.failed) {
        constexpr int kError = 2;
        out.key("code").number(kError);
        if (!span.failure.empty()) {
            out.key("message").text(span.failure);
        }
    }
    out.endObject().endObject();
}

}  // namespace

std::string otlpJson(const std::vector<Span>& spans, const TraceResource& resource) {
    JsonWriter out;
    out.beginObject().key("resourceSpans").beginArray().beginObject();
    out.key("resource").beginObject().key("attributes").beginArray();
    for (const auto& [name, value] : resource) {
        out.beginObject().key("key").text(name).key("value");
        ValueWriter{out}(value);
        out.endObject();
    }
    out.endArray().endObject();
    out.key("scopeSpans").beginArray().beginObject();
    out.key("scope").beginObject().key("name").text("drover");
    out.key("version").text(version()).endObject();
    out.key("spans").beginArray();
    for (const Span& span : spans) {
        write(out, span);
    }
    out.endArray().endObject().endArray().endObject().endArray().endObject();
    return std::move(out).str();
}

std::string partialSuccess(std::string_view answer) {
    const std::optional<JsonView> view = JsonView::tryParse(answer);
    if (!view || !view->isObject()) {
        return "";
    }
    const JsonView partial = (*view)["partialSuccess"];
    if (!partial.isObject()) {
        return "";
    }
    // A 64-bit number is text in this mapping; some collectors write a number.
    const std::string rejected =
        partial["rejectedSpans"].string().value_or(std::string(partial["rejectedSpans"].text()));
    const std::string message = partial["errorMessage"].string().value_or("");
    if ((rejected.empty() || rejected == "0" || rejected == "null") && message.empty()) {
        return "";
    }
    return "it refused " + (rejected.empty() ? std::string("0") : rejected) + " spans" +
           (message.empty() ? "" : ": " + message);
}

}  // namespace drover
