#include "config/Secrets.h"

#include <algorithm>

#include <Poco/Exception.h>
#include <Poco/URI.h>

namespace drover {

namespace {

/// Adds the password inside of a URL, as written and decoded.
void addUrlPassword(const std::string& url, std::vector<std::string>& secrets) {
    const std::size_t start = url.find("://");
    const std::size_t at = url.rfind('@');
    if (start == std::string::npos || at == std::string::npos) {
        return;
    }
    const std::size_t colon = url.find(':', start + 3);
    if (colon == std::string::npos || colon > at) {
        return;
    }
    const std::string password = url.substr(colon + 1, at - colon - 1);
    secrets.push_back(password);
    try {
        std::string decoded;
        Poco::URI::decode(password, decoded);
        secrets.push_back(decoded);
    } catch (const Poco::Exception&) {
        // Not percent-encoded properly: no client can decode it, and the form as written is enough.
    }
}

}  // namespace

std::vector<std::string> secretsOf(const Configuration& config) {
    std::vector<std::string> all;
    for (const std::string& key : config.knownKeys()) {
        const KeySpec* const known = config.schema().find(key);
        if (known == nullptr || !known->secret) {
            continue;
        }
        if (const auto value = config.find(key)) {
            all.push_back(value->text);
            addUrlPassword(value->text, all);
        }
    }
    all.erase(std::remove(all.begin(), all.end(), std::string()), all.end());
    return all;
}

}  // namespace drover
