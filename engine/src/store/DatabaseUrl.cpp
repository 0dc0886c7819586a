#include "store/DatabaseUrl.h"

#include <algorithm>
#include <array>
#include <cstddef>

#include "drover/Exceptions.h"

namespace drover::store {

namespace {

// Keywords of libpq that make sense in a URL.
constexpr std::array kKnown = {"application_name",
                               "channel_binding",
                               "connect_timeout",
                               "gssencmode",
                               "host",
                               "keepalives",
                               "keepalives_count",
                               "keepalives_idle",
                               "port",
                               "keepalives_interval",
                               "ssl_min_protocol_version",
                               "sslcert",
                               "sslcrl",
                               "sslkey",
                               "sslmode",
                               "sslrootcert",
                               "sslsni",
                               "target_session_attrs",
                               "tcp_user_timeout"};

// Written into DATABASE_URL for Prisma and its kin; they configure the client, not the connection.
constexpr std::array kForeign = {
    "connection_limit", "pool_timeout", "socket_timeout", "statement_cache_size"};

struct Word {
    std::string_view name;
    std::string_view text;
};

// Names of other clients or habits for parameters that have another name here.
constexpr std::array kAdvice = {
    Word{"sslaccept",
         "is Prisma's; write sslmode=verify-full for strict, sslmode=require for "
         "accept_invalid_certs"},
    Word{"sslidentity", "is Prisma's; write sslcert=FILE and sslkey=FILE"},
    Word{"sslpassword", "is not supported; use a key without a passphrase"},
    Word{"ssl",
         "is of other clients; write sslmode=require, or sslmode=verify-full to check the "
         "certificate"},
    Word{"tls",
         "is of other clients; write sslmode=require, or sslmode=verify-full to check the "
         "certificate"},
    Word{"uselibpqcompat",
         "is node-postgres'; leave it out, sslmode means here what it means to libpq"},
    Word{"options",
         "cannot be set; write ?schema=NAME for the search path, and ALTER ROLE ... SET for other "
         "settings"},
    Word{"search_path", "is written as ?schema=NAME"},
    Word{"currentSchema", "is JDBC's; write ?schema=NAME"},
    Word{"client_encoding", "is always UTF8; leave it out"},
    Word{"passfile", "is not read from here; write the password before the '@', or set PGPASSFILE"},
    Word{"statement_timeout", "is a key of the configuration: reservation.statementTimeoutMs"},
    Word{"user", "belongs before the '@', not into the query"},
    Word{"password", "belongs before the '@', not into the query"},
    Word{"dbname", "is the path of the URL: postgresql://host:port/database"}};

// The values of keywords that have few; other keywords are numbers.
constexpr std::array kValues = {
    Word{"sslmode", "disable, allow, prefer, require, verify-ca, verify-full"},
    Word{"channel_binding", "disable, prefer, require"},
    Word{"gssencmode", "disable, prefer, require"},
    Word{"target_session_attrs", "any, read-write, read-only, primary, standby, prefer-standby"},
    Word{"ssl_min_protocol_version", "TLSv1, TLSv1.1, TLSv1.2, TLSv1.3"},
    Word{"keepalives", "0, 1"},
    Word{"sslsni", "0, 1"}};
constexpr std::array<std::string_view, 5> kNumbers = {"connect_timeout",
                                                      "keepalives_count",
                                                      "keepalives_idle",
                                                      "keepalives_interval",
                                                      "tcp_user_timeout"};

[[noreturn]] void refuse(const std::string& what) {
    throw ConfigException(
        "database URL: " + what +
        "; the form is postgresql://user:password@host:port/database?schema=name");
}

int hexValue(char c) {
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    const char lower = static_cast<char>(c | 0x20);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

std::string decode(std::string_view text, const char* part) {
    std::string out;
    out.reserve(text.size());
    for (std::size_t i = 0; i < text.size(); ++i) {
        char c = text[i];
        if (c == '%') {
            const int high = i + 2 < text.size() ? hexValue(text[i + 1]) : -1;
            const int low = i + 2 < text.size() ? hexValue(text[i + 2]) : -1;
            if (high < 0 || low < 0) {
                refuse(std::string("a '%' in the ") + part +
                       " is not followed by two hex digits (write %25 for '%')");
            }
            c = static_cast<char>(high * 16 + low);
            i += 2;
        }
        // libpq takes C strings: a NUL would silently cut the value short (docs/pitfalls.md#p10).
        if (c == '\0' || c == '\n' || c == '\r') {
            refuse(std::string("the ") + part + " holds a NUL or a line break");
        }
        out.push_back(c);
    }
    return out;
}

void checkPort(const std::string& port) {
    int value = 0;
    const bool digits =
        !port.empty() && port.size() <= 5 &&
        std::all_of(port.begin(), port.end(), [](char c) { return c >= '0' && c <= '9'; });
    for (const char c : digits ? port : std::string()) {
        value = value * 10 + (c - '0');
    }
    if (value < 1 || value > 65535) {
        refuse("a port is not a number in [1, 65535]");
    }
}

/// Splits "a:1,[::1]:2,c" into hosts and ports.
void parseHosts(std::string_view text, DatabaseUrl& url) {
    bool first = true;
    while (first || !text.empty()) {
        const std::size_t comma = std::min(text.find(','), text.size());
        std::string_view one = text.substr(0, comma);
        text.remove_prefix(std::min(comma + 1, text.size()));
        std::string host;
        if (!one.empty() && one.front() == '[') {
            const std::size_t close = one.find(']');
            if (close == std::string_view::npos) {
                refuse("an IPv6 address misses its closing bracket");
            }
            host = decode(one.substr(1, close - 1), "host");
            one.remove_prefix(close + 1);
        } else {
            const std::size_t colon = std::min(one.find(':'), one.size());
            host = decode(one.substr(0, colon), "host");
            one.remove_prefix(colon);
        }
        std::string port;
        if (!one.empty()) {
            port = decode(one.substr(1), "port");
            if (one.front() != ':') {
                refuse("something other than a port follows a host");
            }
            checkPort(port);
        }
        url.host += (first ? "" : ",") + host;
        url.port += (first ? "" : ",") + port;
        first = false;
    }
    if (url.port.find_first_not_of(',') == std::string::npos) {
        url.port.clear();
    }
}

bool isOneOf(std::string_view list, std::string_view value) {
    while (!list.empty()) {
        const std::size_t end = std::min(list.find(", "), list.size());
        if (list.substr(0, end) == value) {
            return true;
        }
        list.remove_prefix(std::min(end + 2, list.size()));
    }
    return false;
}

/// Refuses values that libpq would refuse later, when it connects, and with less detail. Values are not shown: a password
/// with a stray '?' would be in them.
void checkValue(const std::string& name, const std::string& value) {
    if (name == "sslmode" && value == "no-verify") {
        refuse(
            "sslmode=no-verify is node-postgres'; write sslmode=require, which encrypts without "
            "checking the "
            "certificate");
    }
    for (const Word& keyword : kValues) {
        if (keyword.name == name && !isOneOf(keyword.text, value)) {
            refuse("the value of " + name + " is not one of " + std::string(keyword.text));
        }
    }
    const bool isNumber = std::find(kNumbers.begin(), kNumbers.end(), name) != kNumbers.end();
    if (isNumber && (value.empty() || value.size() > 9 ||
                     value.find_first_not_of("0123456789") != std::string::npos)) {
        refuse("the value of " + name + " is not a whole number");
    }
}

bool isTrue(const std::string& name, const std::string& value) {
    if (value != "true" && value != "false") {
        refuse("the value of " + name + " is not one of true, false");
    }
    return value == "true";
}

[[noreturn]] void refuseParameter(const std::string& name) {
    for (const Word& advice : kAdvice) {
        if (advice.name == name) {
            refuse("the query parameter '" + name + "' " + std::string(advice.text));
        }
    }
    std::string known = "schema, pgbouncer";
    for (const char* keyword : kKnown) {
        known.append(", ").append(keyword);
    }
    refuse("unknown query parameter '" + name + "' (known: " + known + ")");
}

void parseQuery(std::string_view query, DatabaseUrl& url) {
    while (!query.empty()) {
        const std::size_t end = std::min(query.find('&'), query.size());
        const std::string_view pair = query.substr(0, end);
        query.remove_prefix(std::min(end + 1, query.size()));
        const std::size_t equals = pair.find('=');
        if (equals == std::string_view::npos) {
            refuse("a query parameter has no '='");
        }
        const std::string name = decode(pair.substr(0, equals), "query");
        const std::string value = decode(pair.substr(equals + 1), "query");
        if (name == "schema") {
            url.schema = value;
        } else if (name == "host") {
            url.host = value;
        } else if (name == "port") {
            checkPort(value);
            url.port = value;
        } else if (name == "pgbouncer") {
            url.pgbouncer = isTrue(name, value);
        } else if (std::find(kKnown.begin(), kKnown.end(), name) != kKnown.end()) {
            checkValue(name, value);
            url.parameters.emplace_back(name, value);
        } else if (std::find(kForeign.begin(), kForeign.end(), name) == kForeign.end()) {
            refuseParameter(name);
        }
    }
}

/// Applies the key database.statements. The schema of the configuration has its words, but a plugin's own check has not.
void chooseStatements(std::string_view statements, DatabaseUrl& url) {
    if (statements == "auto") {
        return;
    }
    const std::string key = "database.statements = " + std::string(statements);
    if (statements != "named" && statements != "unnamed") {
        throw ConfigException(key + ": is not one of auto, named, unnamed");
    }
    const bool unnamed = statements == "unnamed";
    if (url.pgbouncer.value_or(unnamed) != unnamed) {
        throw ConfigException(key + ": contradicts ?pgbouncer=" + (unnamed ? "false" : "true") +
                              " in database.url; leave one of them out");
    }
    url.pgbouncer = unnamed;
}

void append(std::string& out, const std::string& keyword, const std::string& value) {
    out += out.empty() ? "" : " ";
    out += keyword + "='";
    for (const char c : value) {
        if (c == '\'' || c == '\\') {
            out.push_back('\\');
        }
        out.push_back(c);
    }
    out += "'";
}

}  // namespace

DatabaseUrl DatabaseUrl::parse(std::string_view text, std::string_view statements) {
    // A file or a secret often ends in a line break that is not part of the URL; blanks inside are percent-encoded.
    constexpr std::string_view kBlank = " \t\r\n";
    const std::size_t begin = std::min(text.find_first_not_of(kBlank), text.size());
    text = text.substr(begin, text.find_last_not_of(kBlank) + 1 - begin);

    const std::size_t scheme = text.find("://");
    const std::string_view name = text.substr(0, std::min(scheme, text.size()));
    if (scheme == std::string_view::npos || (name != "postgresql" && name != "postgres")) {
        refuse("it does not start with postgresql://");
    }
    text.remove_prefix(scheme + 3);

    const std::size_t authorityEnd = std::min(text.find_first_of("/?#"), text.size());
    std::string_view authority = text.substr(0, authorityEnd);
    std::string_view rest = text.substr(authorityEnd);
    // "user:pa/ss@host": everything from the '/' on would be read as path and shown in messages.
    if (rest.find('@') != std::string_view::npos || rest.find('#') != std::string_view::npos) {
        refuse(
            "an '@' or '#' stands after the host; in a password or a value write '/' as %2F, '?' "
            "as %3F, '#' as "
            "%23, '@' as %40");
    }

    DatabaseUrl url;
    const std::size_t at = authority.rfind('@');
    if (at != std::string_view::npos) {
        const std::string_view login = authority.substr(0, at);
        if (login.find('@') != std::string_view::npos) {
            refuse("there are two '@' before the path; write the one in the password as %40");
        }
        authority.remove_prefix(at + 1);
        const std::size_t colon = std::min(login.find(':'), login.size());
        url.user = decode(login.substr(0, colon), "user name");
        if (colon < login.size()) {
            url.password = decode(login.substr(colon + 1), "password");
        }
    }
    parseHosts(authority, url);

    const std::size_t question = std::min(rest.find('?'), rest.size());
    if (question > 1) {
        url.database = decode(rest.substr(1, question - 1), "database name");
        if (url.database.find('/') != std::string::npos) {
            refuse("the database name holds a '/'");
        }
    }
    if (question < rest.size()) {
        parseQuery(rest.substr(question + 1), url);
    }
    chooseStatements(statements, url);
    return url;
}

std::string DatabaseUrl::conninfo(const Keywords& defaults) const {
    std::string out;
    const Keywords own = {{"host", host},
                          {"port", port},
                          {"user", user},
                          {"password", password},
                          {"dbname", database}};
    for (const auto& [keyword, value] : own) {
        if (!value.empty()) {
            append(out, keyword, value);
        }
    }
    for (const auto& [keyword, value] : parameters) {
        append(out, keyword, value);
    }
    for (const auto& [keyword, value] : defaults) {
        const bool given = std::any_of(
            parameters.begin(), parameters.end(), [&k = keyword](const auto& parameter) {
                return parameter.first == k;
            });
        if (!given) {
            append(out, keyword, value);
        }
    }
    return out;
}

bool DatabaseUrl::dropFirstHost() {
    const std::size_t comma = host.find(',');
    if (comma == std::string::npos) {
        return false;
    }
    host.erase(0, comma + 1);
    // One port may be for all hosts.
    if (const std::size_t end = port.find(','); end != std::string::npos) {
        port.erase(0, end + 1);
    }
    return true;
}

std::string DatabaseUrl::target() const {
    return (host.empty() ? "local socket" : host) + ":" + (port.empty() ? "5432" : port) + "/" +
           database;
}

}  // namespace drover::store
