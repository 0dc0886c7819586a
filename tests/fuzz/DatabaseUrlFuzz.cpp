#include <string>

#include "Fuzz.h"
#include "drover/Exceptions.h"
#include "store/DatabaseUrl.h"

using namespace drover;

/// Any URL: refused with a text, or a connection string without a NUL byte and a target without the password.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    try {
        const auto url = store::DatabaseUrl::parse(textOf(data, size));
        FUZZ_REQUIRE(url.conninfo({{"connect_timeout", "2"}}).find('\0') == std::string::npos);
        static_cast<void>(url.target());
    } catch (const ConfigException& error) {
        FUZZ_REQUIRE(!error.message().empty());
    }
    return 0;
}
