#include "auth/OriginPolicy.h"

#include <algorithm>
#include <optional>

#include "auth/Lists.h"
#include "drover/Exceptions.h"

namespace drover::api {

namespace {

bool isSafe(std::string_view method) {
    return method == "GET" || method == "HEAD" || method == "OPTIONS" || method == "TRACE";
}

}  // namespace

OriginPolicy::OriginPolicy(std::string_view list) {
    for (const std::string_view entry : commaList(list)) {
        std::optional<Origin> origin = Origin::parse(entry);
        if (!origin) {
            throw ConfigException(
                "api.cors.origins: " + std::string(entry) +
                " is not an origin; https://example.com and http://localhost:5173 are some, with "
                "nothing behind the port" +
                (entry == "*" ? "; the pages of every site would use the tokens that people gave "
                                "their browsers"
                              : ""));
        }
        origins_.push_back(std::move(*origin));
    }
}

bool OriginPolicy::lists(std::string_view origin) const {
    const std::optional<Origin> parsed = origins_.empty() ? std::nullopt : Origin::parse(origin);
    return parsed && std::find(origins_.begin(), origins_.end(), *parsed) != origins_.end();
}

bool OriginPolicy::refuses(std::string_view method,
                           std::string_view host,
                           std::string_view origin,
                           std::string_view fetchSite) const {
    if (isSafe(method) || fetchSite == "same-origin" || fetchSite == "none" || lists(origin)) {
        return false;
    }
    if (!fetchSite.empty()) {
        return true;
    }
    if (origin.empty()) {
        return false;
    }
    const std::optional<Origin> from = Origin::parse(origin);
    const std::optional<Authority> to = Authority::parse(host);
    return !from || !to || !from->isHost(*to);
}

OriginPolicy::Headers OriginPolicy::headersFor(std::string_view origin) const {
    if (origins_.empty()) {
        return {};
    }
    Headers headers = {{"Vary", "Origin"}};
    if (lists(origin)) {
        headers.emplace_back("Access-Control-Allow-Origin", origin);
        headers.emplace_back("Access-Control-Expose-Headers", "Location, Retry-After");
    }
    return headers;
}

OriginPolicy::Headers OriginPolicy::preflightHeaders(std::string_view origin,
                                                     std::string_view methods,
                                                     std::string_view requestHeaders) const {
    if (!lists(origin)) {
        return {};
    }
    std::string allowed = "Authorization, Content-Type, Content-Encoding";
    if (!requestHeaders.empty()) {
        allowed.append(", ").append(requestHeaders);
    }
    return {{"Access-Control-Allow-Methods", std::string(methods)},
            {"Access-Control-Allow-Headers", allowed},
            {"Access-Control-Max-Age", "600"}};
}

}  // namespace drover::api
