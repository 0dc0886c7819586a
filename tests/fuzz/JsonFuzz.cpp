#include <string>

#include <Poco/Exception.h>

#include "Fuzz.h"
#include "core/JsonText.h"
#include "drover/Json.h"
#include "routes/JsonTemplate.h"

using namespace drover;

/// Any text: either refused with JsonException, or every part of it can be looked at.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text = textOf(data, size);
    bool json = true;
    try {
        const JsonView value = JsonView::parse(text);
        static_cast<void>(value.integer());
        static_cast<void>(value["a"].integer());
    } catch (const JsonException& error) {
        json = false;
        FUZZ_REQUIRE(error.position() <= size);
    }
    FUZZ_REQUIRE(json || !splitJsonObject(text).has_value());
    FUZZ_REQUIRE(isJsonArray(text) == splitJsonArray(text).has_value());
    static_cast<void>(parseJsonString(text));
    try {
        const api::JsonTemplate holes(text);
        const std::string rendered = holes.render({});
        JsonView::parse(rendered);
    } catch (const Poco::SyntaxException&) {
        // Refused: nested too deep, or a member twice.
    }
    return 0;
}
