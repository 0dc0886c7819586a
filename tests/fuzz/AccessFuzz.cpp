#include <algorithm>
#include <sstream>
#include <string>

#include <Poco/Base64Encoder.h>

#include "Fuzz.h"
#include "auth/Authority.h"
#include "auth/Credentials.h"
#include "auth/HostList.h"
#include "auth/OriginPolicy.h"
#include "auth/TokenFile.h"
#include "auth/TrustedProxies.h"
#include "drover/Exceptions.h"

using namespace drover;
using namespace drover::api;

namespace {

/// Returns the message of the ConfigException that `call` throws; empty: it throws none.
template <typename Call>
std::string refusal(Call call) {
    try {
        call();
    } catch (const ConfigException& error) {
        FUZZ_REQUIRE(!error.message().empty());
        return error.message();
    }
    return "";
}

/// The matcher in its simplest form, which takes exponential time.
bool matchesSimply(std::string_view glob, std::string_view name) {
    if (glob.empty()) {
        return name.empty();
    }
    if (glob.front() == '*') {
        return matchesSimply(glob.substr(1), name) ||
               (!name.empty() && matchesSimply(glob, name.substr(1)));
    }
    return !name.empty() && (glob.front() == '?' || glob.front() == name.front()) &&
           matchesSimply(glob.substr(1), name.substr(1));
}

/// Bearer and Basic have one text for each token: no reader on the way can see another one.
void checkCredentials(std::string_view header) {
    const Credentials found = Credentials::parse(header);
    FUZZ_REQUIRE(found.reason.empty() == (found.kind != Credentials::Kind::Malformed));
    const std::string_view value = header.substr(std::min(header.rfind(' '), header.size()));
    if (found.kind == Credentials::Kind::Token && (header[1] == 'e' || header[1] == 'E')) {
        FUZZ_REQUIRE(" " + found.token == value);
    }
}

/// A name and a token of any bytes come through Basic as they are.
void checkBasic(std::string_view token) {
    std::ostringstream text;
    Poco::Base64Encoder encoder(text);
    encoder.rdbuf()->setLineLength(0);
    encoder << "me:" << token;
    encoder.close();
    const Credentials found = Credentials::parse("Basic " + text.str());
    FUZZ_REQUIRE(found.kind == Credentials::Kind::Token && found.token == token);
}

void checkTokenFile(std::string_view text) {
    const std::string message = refusal([text] { static_cast<void>(parseTokenFile(text, "f")); });
    FUZZ_REQUIRE(message.empty() || message.rfind("f:", 0) == 0);
    const std::string ofLine = refusal([text] {
        const AccessToken token = AccessToken::parseLine(text);
        FUZZ_REQUIRE(AccessToken::parseLine(token.line()).line() == token.line());
    });
    if (text.find(" drv_") != std::string_view::npos) {
        FUZZ_REQUIRE(ofLine.rfind("a word begins with drv_", 0) == 0);  // It is not repeated.
    }
}

void checkProxies(std::string_view list, std::string_view header) {
    for (const std::string_view trusted : {list, std::string_view("0.0.0.0/0,::/0")}) {
        static_cast<void>(refusal([trusted, header] {
            const TrustedProxies proxies(trusted);
            for (const char* peer : {"192.0.2.1", "2001:db8::1"}) {
                const Address client = proxies.clientOf(*Address::parse(peer), header);
                FUZZ_REQUIRE(Address::parse(client.text()) == client);
            }
        }));
    }
}

void checkNames(std::string_view text) {
    static_cast<void>(refusal([text] { static_cast<void>(HostList(text).serves(text)); }));
    static_cast<void>(refusal([text] { static_cast<void>(OriginPolicy(text).headersFor(text)); }));
    if (const auto origin = Origin::parse(text)) {
        FUZZ_REQUIRE(!origin->authority.host.empty() && origin->isHost(origin->authority));
    }
    if (const auto authority = Authority::parse(text)) {
        const bool six = authority->host.find(':') != std::string::npos;
        const std::string again = six ? "[" + authority->host + "]" : authority->host;
        FUZZ_REQUIRE(Authority::parse(again)->host == authority->host);
    }
}

void checkGlob(std::string_view glob, std::string_view name) {
    const auto isShort = [](std::string_view text) {
        return text.size() < 12 &&
               std::all_of(text.begin(), text.end(), [](char c) { return c > 0; });
    };
    const bool matches = matchesGlob(glob, name);
    FUZZ_REQUIRE(!isShort(glob) || !isShort(name) || matches == matchesSimply(glob, name));
}

}  // namespace

/// Headers of a request and the files and lists that decide about it: the first line is a list or a glob, the rest a header
/// or a name.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text = textOf(data, size).substr(0, 8192);
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view first = text.substr(0, std::min<std::size_t>(end, 512));
    const std::string_view rest = text.substr(std::min(end + 1, text.size()));
    checkCredentials(text);
    checkBasic(text);
    checkTokenFile(text);
    checkProxies(first, rest);
    checkNames(text);
    checkGlob(first, rest);
    return 0;
}
