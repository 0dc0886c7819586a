#include "config/RedisUrl.h"

#include <charconv>
#include <string_view>

#include <Poco/Exception.h>
#include <Poco/URI.h>

#include "drover/Exceptions.h"

namespace drover {

namespace {

constexpr const char* kShape =
    "expected redis://[[user]:password@]host[:port][/database], rediss:// for TLS, or "
    "unix://[[user]:password@]/path[?db=database]";

constexpr int kMostDatabases = 1'000'000;

std::string decoded(const std::string& text) {
    std::string plain;
    try {
        Poco::URI::decode(text, plain);
    } catch (const Poco::Exception&) {
        throw ConfigException("user, password and path must be percent-encoded");
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

/// Moves user and password out of `rest`. A password may hold a slash that is not encoded, what follows it may not hold an @.
void parseLogin(std::string& rest, RedisUrl& parsed) {
    const std::size_t at = rest.rfind('@');
    if (at == std::string::npos) {
        return;
    }
    const std::string login = rest.substr(0, at);
    rest = rest.substr(at + 1);
    const std::size_t split = login.find(':');
    if (const std::string user = decoded(login.substr(0, split)); !user.empty()) {
        parsed.user = user;
    }
    if (split != std::string::npos) {
        parsed.password = decoded(login.substr(split + 1));
    }
}

void parseHost(std::string rest, RedisUrl& parsed) {
    if (rest.find_first_of("?#") != std::string::npos) {
        throw ConfigException(std::string("parameters are not known; ") + kShape);
    }
    if (const std::size_t slash = rest.find('/'); slash != std::string::npos) {
        const std::string database = rest.substr(slash + 1);
        rest = rest.substr(0, slash);
        if (!database.empty()) {
            parsed.database = number(database, kMostDatabases, "database");
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
}

void parsePath(std::string rest, RedisUrl& parsed) {
    if (const std::size_t question = rest.find('?'); question != std::string::npos) {
        const std::string parameter = rest.substr(question + 1);
        rest = rest.substr(0, question);
        if (parameter.rfind("db=", 0) != 0) {
            throw ConfigException(std::string("the only parameter is db; ") + kShape);
        }
        parsed.database = number(parameter.substr(3), kMostDatabases, "database");
    }
    parsed.host = decoded(rest);
    if (parsed.host.size() < 2 || parsed.host.front() != '/') {
        throw ConfigException(std::string("the path of a socket begins with /; ") + kShape);
    }
}

}  // namespace

RedisUrl RedisUrl::parse(const std::string& url) {
    const std::size_t colon = url.find("://");
    const std::string scheme = colon == std::string::npos ? "" : url.substr(0, colon);
    if (scheme != "redis" && scheme != "rediss" && scheme != "unix") {
        throw ConfigException(kShape);
    }
    RedisUrl parsed;
    parsed.tls = scheme == "rediss";
    std::string rest = url.substr(colon + 3);
    parseLogin(rest, parsed);
    if (scheme == "unix") {
        parsePath(rest, parsed);
    } else {
        parseHost(rest, parsed);
    }
    return parsed;
}

}  // namespace drover
