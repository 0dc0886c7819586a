#include <string>

#include "Fuzz.h"
#include "drover/Exceptions.h"
#include "plugin/isolation/HandlerProtocol.h"

using namespace drover;

namespace {

template <typename T>
void tryAs(const wire::Frame& frame) {
    try {
        const T message = frame.as<T>();
        // Written and read again it is the same; a flag may have come as any number. Five bytes are before the body.
        const std::string written = wire::encode(message);
        const wire::Frame again{T::kMessage, written.substr(5)};
        FUZZ_REQUIRE(wire::encode(again.as<T>()) == written);
    } catch (const PluginException&) {
    }
}

template <typename T>
void tryBody(const std::string& body) {
    tryAs<T>({T::kMessage, body});
}

}  // namespace

/// A frame's body as each message that either side sends: refused, or written and read again as the same.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string body(textOf(data, size));
    tryBody<wire::Hello>(body);
    tryBody<wire::Configure>(body);
    tryBody<wire::Backoff>(body);
    tryBody<wire::Cancel>(body);
    tryBody<wire::Answer>(body);
    tryBody<wire::Refused>(body);
    tryBody<wire::Outcome>(body);
    tryBody<wire::Call>(body);
    tryBody<wire::Done>(body);
    return 0;
}
