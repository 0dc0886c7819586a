#include <string>

#include <Poco/Exception.h>

#include "Fuzz.h"
#include "core/JobHash.h"
#include "drover/JobOptions.h"

using namespace drover;

/// A job's hash, fields and values divided by NUL bytes, and its options: refused by name or read.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text = textOf(data, size);
    try {
        static_cast<void>(JobOptions::parse(text));
    } catch (const Poco::Exception&) {
    }
    JobHash hash;
    for (std::size_t from = 0; from < text.size();) {
        const std::size_t middle = std::min(text.find('\0', from), text.size());
        const std::size_t end =
            middle == text.size() ? middle : std::min(text.find('\0', middle + 1), text.size());
        hash.set(text.substr(from, middle - from),
                 middle == end ? "" : text.substr(middle + 1, end - middle - 1));
        from = end + 1;
    }
    try {
        const Job job = parseJobHash("1", "bull:q", hash);
        FUZZ_REQUIRE(job.id == "1");
    } catch (const Poco::Exception&) {
    }
    return 0;
}
