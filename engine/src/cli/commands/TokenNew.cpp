#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <sstream>
#include <string>
#include <sys/random.h>

#include <Poco/Base64Encoder.h>

#include "cli/Command.h"
#include "drover/AccessToken.h"

namespace drover::cli {

namespace {

constexpr Option kScope{"scope",
                        "SCOPE",
                        "a right of the token: add:QUEUE, read, operate or destroy; several are "
                        "given one by one"};

/// Returns 32 random bytes in base64url without padding. Throws Exception if the system has none.
std::string randomText() {
    std::array<char, 32> bytes{};
    // A request of up to 256 bytes is answered whole.
    if (::getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size())) {
        throw Exception(std::string("getrandom: ") + std::strerror(errno));
    }
    std::ostringstream text;
    Poco::Base64Encoder encoder(text, Poco::BASE64_URL_ENCODING | Poco::BASE64_NO_PADDING);
    encoder.write(bytes.data(), bytes.size());
    encoder.close();
    return text.str();
}

/// `drover token new NAME --scope SCOPE...`: makes a token and prints it, with the line of the token file that has its
/// digest. Stores nothing.
///
/// Throws UsageException for a name or a scope that no line can have.
class TokenNew : public Command {
public:
    TokenNew()
        : Command(
              {"token new",
               "makes a token for the HTTP front and prints it, with its line for the token file",
               {kScope, options::kJson},
               "NAME",
               "The first line is the token, for its owner; it is printed this once and stored "
               "nowhere.\nThe second is for the file: NAME, the token's SHA-256, its scopes. "
               "In add:QUEUE, * stands for any text and ? for one character.\n"}) {}

    [[nodiscard]] ExitCode run(const Invocation& call) const override {
        AccessToken token;
        token.name = call.line.arguments()[0];
        if (const std::string error = AccessToken::nameError(token.name); !error.empty()) {
            throw UsageException(error);
        }
        for (const std::string& scope : call.line.values(kScope)) {
            try {
                token.scopes.push_back(Scope::parse(scope));
            } catch (const ConfigException& error) {
                throw UsageException("--scope: " + error.message());
            }
        }
        if (token.scopes.empty()) {
            throw UsageException(
                "token new needs --scope SCOPE: add:QUEUE, read, operate or destroy");
        }
        const std::string secret = std::string(AccessToken::kPrefix) + randomText();
        token.digest = AccessToken::digestOf(secret);
        call.output.print(
            [&](JsonWriter& json) {
                json.beginObject();
                json.key("token").text(secret);
                json.key("line").text(token.line());
                json.endObject();
            },
            [&](std::ostream& text) { text << secret << '\n'
                                           << token.line() << '\n'; });
        return ExitCode::Ok;
    }
};

}  // namespace

std::unique_ptr<Command> makeTokenNew() {
    return std::make_unique<TokenNew>();
}

}  // namespace drover::cli
