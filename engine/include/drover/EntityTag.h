#pragma once

#include <string>

#include <Poco/DigestEngine.h>
#include <Poco/SHA1Engine.h>

namespace drover {

/// Returns a header ETag for an answer with the body `bytes`: quoted, the same for the same bytes.
/// If a RouteHandler answers 200 with it to GET or HEAD, the front sends 304 to a client whose If-None-Match has it.
[[nodiscard]] inline std::string entityTagOf(const std::string& bytes) {
    Poco::SHA1Engine engine;
    engine.update(bytes);
    return "\"" + Poco::DigestEngine::digestToHex(engine.digest()) + "\"";
}

}  // namespace drover
