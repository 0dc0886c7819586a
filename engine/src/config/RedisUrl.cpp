#include "config/RedisUrl.h"

#include <charconv>
#include <string_view>

#include <Poco/Exception.h>
#include <Poco/URI.h>

#include "drover/Exceptions.h"

namespace drover {

namespace {

constexpr const char* kShape = "expected redis://[[user]:password@]host[:port][/database]";

std::string decoded(const std::string& text) {
    std::string plain;
    try {
        Poco::URI::decode(text, plain);
    } catch (const Poco::Exception&) {
        throw ConfigException("user and password must be percent-encoded");
    }
    return plain;
}

int number(std::string_view digits, int most, const char* what) {
    int value = -1;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    if (error != std::errc() || end != digits.data() + digits.size() || value < 0 || value > most) {
        throw ConfigException("the " + std::string(what) + " \"" + std::string(digits) +
                              "\" is not a number in [0, " + std::to_string(most) + "]");
    }
    return value;
}

}  // namespace

RedisUrl RedisUrl::parse(const std::string& url) {
    const std::size_t colon = url.find("://");
    const std::string scheme = colon == std::string::npos ? "" : url.substr(0, colon);
    if (scheme == "rediss") {
        throw ConfigException(
            "rediss:// needs TLS, which this version does not speak; use redis:// in a trusted "
            "network or through a tunnel");
    }
    if (scheme != "redis") {
        throw ConfigException(kShape);
    }
    std::string rest = url.substr(colon + 3);
    if (rest.find_first_of("?#") != std::string::npos) {
        throw ConfigException(std::string("parameters are not known; ") + kShape);
    }
    RedisUrl parsed;
    // A password may hold a slash that is not encoded, a host and a number may not.
    if (const std::size_t at = rest.rfind('@'); at != std::string::npos) {
        const std::string who = rest.substr(0, at);
        rest = rest.substr(at + 1);
        const std::size_t split = who.find(':');
        if (const std::string user = decoded(who.substr(0, split)); !user.empty()) {
            parsed.user = user;
        }
        if (split != std::string::npos) {
            parsed.password = decoded(who.substr(split + 1));
        }
    }
    if (const std::size_t slash = rest.find('/'); slash != std::string::npos) {
        const std::string database = rest.substr(slash + 1);
        rest = rest.substr(0, slash);
        if (!database.empty()) {
            parsed.database = number(database, 1'000'000, "database");
        }
    }
    const std::size_t bracket = rest.find(']');
    const std::size_t port = rest.find(':', bracket == std::string::npos ? 0 : bracket);
    parsed.host = rest.substr(0, port);
    if (port != std::string::npos) {
        parsed.port = number(std::string_view(rest).substr(port + 1), 65535, "port");
    }
    if (parsed.host.empty() || parsed.host == "[]" || parsed.port == 0) {
        throw ConfigException(kShape);
    }
    return parsed;
}

}  // namespace drover
