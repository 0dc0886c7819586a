#include <optional>
#include <string>
#include <vector>

#include <Poco/Exception.h>

#include "Fuzz.h"
#include "http/RequestReader.h"
#include "http/Target.h"

using namespace drover::api;

namespace {

/// The requests that a reader found in the bytes: a line for each, for a refusal, and for a head with the open body behind it.
std::string readAll(std::string_view text, std::size_t step) {
    static const RequestLimits limits;
    RequestReader reader(limits);
    std::string seen;
    const auto look = [&] {
        while (reader.advance() == RequestReader::State::Complete) {
            const WholeRequest request = reader.pop();
            seen += std::string(request.method()) + " " + std::string(request.target()) + " " +
                    std::to_string(request.body().size()) + " " +
                    request.header("X-Fuzz").value_or("") + "\n";
            try {
                static_cast<void>(Target::parse(request.target()));
            } catch (const std::exception&) {
                seen += "bad target\n";
            }
        }
        return reader.state() != RequestReader::State::Refused;
    };
    std::optional<BodyReader> open;
    for (std::size_t at = 0; at < text.size(); at += step) {
        const std::string_view part = text.substr(at, step);
        if (open) {
            static_cast<void>(open->read(part, seen));
            continue;
        }
        reader.append(part.data(), part.size());
        if (!look()) {
            seen += "refused " + std::to_string(reader.refusalStatus()) + "\n";
            FUZZ_REQUIRE(reader.refusalStatus() >= 400 && !reader.refusalMessage().empty());
            break;
        }
        if (reader.state() == RequestReader::State::Head) {
            const WholeRequest request = reader.pop();
            seen += "open " + std::string(request.target()) + "\n";
            open.emplace(*request.openBody());
            static_cast<void>(open->read(reader.popRest(), seen));
        }
    }
    return seen + (open ? open->problem() : std::string());
}

}  // namespace

/// The bytes of a connection are the same requests however they arrive. A refusal may come earlier if they come one by one,
/// never another request.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text = textOf(data, size);
    const std::string whole = readAll(text, size + 1);
    const std::string torn = readAll(text, 1);
    const std::string requests = whole.substr(0, whole.rfind("refused"));
    const std::string tornRequests = torn.substr(0, torn.rfind("refused"));
    FUZZ_REQUIRE(requests == tornRequests);
    return 0;
}
