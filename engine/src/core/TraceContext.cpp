#include "drover/TraceContext.h"

#include <algorithm>
#include <cstddef>

#include "drover/Json.h"

namespace drover {

namespace {

constexpr std::size_t kLength = 55;
constexpr std::size_t kTraceAt = 3;
constexpr std::size_t kSpanAt = 36;
constexpr std::size_t kFlagsAt = 53;
/// The bounds of W3C Trace Context.
constexpr std::size_t kMostState = 512;
constexpr std::ptrdiff_t kMostStateMembers = 32;

int digitOf(char c) {
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool parseHex(std::string_view text, std::uint64_t& value) {
    value = 0;
    for (const char c : text) {
        const int digit = digitOf(c);
        if (digit < 0) {
            return false;
        }
        value = value << 4U | static_cast<std::uint64_t>(digit);
    }
    return true;
}

void appendHex(std::string& to, std::uint64_t value) {
    for (int shift = 60; shift >= 0; shift -= 4) {
        to += "0123456789abcdef"[value >> static_cast<unsigned>(shift) & 15U];
    }
}

/// Returns true for a list of members that have a name and '=' each. Empty members are allowed.
bool isState(std::string_view text) {
    if (text.size() > kMostState ||
        std::count(text.begin(), text.end(), ',') >= kMostStateMembers ||
        !std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c <= '~'; })) {
        return false;
    }
    while (!text.empty()) {
        const std::size_t end = std::min(text.find(','), text.size());
        const std::string_view member = text.substr(0, end);
        const std::size_t name = member.find_first_not_of(' ');
        if (name != std::string_view::npos &&
            (member[name] == '=' || member.find('=') == std::string_view::npos)) {
            return false;
        }
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return true;
}

const TraceContext kNone{};
thread_local const TraceContext* ofThread = &kNone;

}  // namespace

std::optional<TraceContext> TraceContext::parse(std::string_view traceparent,
                                                std::string_view tracestate) {
    if (traceparent.size() < kLength || traceparent[2] != '-' || traceparent[kSpanAt - 1] != '-' ||
        traceparent[kFlagsAt - 1] != '-') {
        return std::nullopt;
    }
    std::uint64_t version = 0;
    std::uint64_t flags = 0;
    TraceContext context;
    if (!parseHex(traceparent.substr(0, 2), version) || version == 0xff ||
        !parseHex(traceparent.substr(kTraceAt, 16), context.traceHigh) ||
        !parseHex(traceparent.substr(kTraceAt + 16, 16), context.traceLow) ||
        !parseHex(traceparent.substr(kSpanAt, 16), context.spanId) ||
        !parseHex(traceparent.substr(kFlagsAt, 2), flags) || !context.isSet()) {
        return std::nullopt;
    }
    if (traceparent.size() > kLength && (version == 0 || traceparent[kLength] != '-')) {
        return std::nullopt;
    }
    context.sampled = (flags & 1U) != 0;
    if (!tracestate.empty() && isState(tracestate)) {
        context.state = tracestate;
    }
    return context;
}

std::optional<TraceContext> TraceContext::parseMetadata(std::string_view json) {
    // Nearly every text has this form; reading it needs no memory.
    constexpr std::string_view kBefore = R"({"traceparent":")";
    constexpr std::string_view kAfter = R"("})";
    if (json.size() == kBefore.size() + kLength + kAfter.size() &&
        json.substr(0, kBefore.size()) == kBefore &&
        json.substr(kBefore.size() + kLength) == kAfter) {
        return parse(json.substr(kBefore.size(), kLength));
    }
    const std::optional<JsonView> view = JsonView::tryParse(json);
    if (!view || !view->isObject()) {
        return std::nullopt;
    }
    return parse((*view)["traceparent"].string().value_or(""),
                 (*view)["tracestate"].string().value_or(""));
}

std::string TraceContext::traceparent() const {
    std::string text;
    text.reserve(kLength);
    text += "00-";
    appendHex(text, traceHigh);
    appendHex(text, traceLow);
    text += '-';
    appendHex(text, spanId);
    text += sampled ? "-01" : "-00";
    return text;
}

std::string TraceContext::metadata() const {
    std::string text = R"({"traceparent":")";
    text.reserve(80 + state.size());
    text += traceparent();
    text += '"';
    if (!state.empty()) {
        text += ",\"tracestate\":";
        appendJsonString(text, state);
    }
    text += '}';
    return text;
}

TraceScope::TraceScope(const TraceContext& context) : previous_(ofThread) {
    ofThread = &context;
}

TraceScope::~TraceScope() {
    ofThread = previous_;
}

const TraceContext& TraceScope::current() {
    return *ofThread;
}

}  // namespace drover
