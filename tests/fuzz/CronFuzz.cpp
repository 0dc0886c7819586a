#include <string>

#include <Poco/Exception.h>

#include "Fuzz.h"
#include "core/Cron.h"
#include "core/TimeZone.h"

using namespace drover;

/// Any pattern: refused with a text, or its moments follow each other.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    try {
        const Cron cron(textOf(data, size), "seed");
        static const TimeZone zone = TimeZone::named("Europe/Berlin");
        std::int64_t at = 1790000000000;
        for (int i = 0; i < 3; ++i) {
            const auto next = cron.next(at, zone);
            if (!next) {
                break;
            }
            FUZZ_REQUIRE(*next > at);
            at = *next;
        }
    } catch (const Poco::InvalidArgumentException& error) {
        FUZZ_REQUIRE(!error.message().empty());
    }
    return 0;
}
