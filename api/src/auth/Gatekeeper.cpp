#include "auth/Gatekeeper.h"

#include <algorithm>
#include <utility>

#include "auth/Credentials.h"
#include "http/HttpText.h"

namespace drover::api {

namespace {

constexpr const char* kBearer = R"(Bearer realm="drover")";

/// Returns a 401 that offers both schemes; with Basic a browser prompts for the token.
Response unauthorized(std::string_view message, const std::string& bearer) {
    Response response = errorResponse(401, message);
    response.headers.emplace_back("WWW-Authenticate", bearer);
    response.headers.emplace_back("WWW-Authenticate", R"(Basic realm="drover", charset="UTF-8")");
    return response;
}

/// Returns a 403 that names the scope, in the message, and in WWW-Authenticate if its quoted text can hold it.
Response missingScope(const std::string& token, const Scope& demanded) {
    const std::string scope = demanded.text();
    Response response =
        errorResponse(403, "the token " + token + " does not have the scope " + scope);
    std::string challenge = std::string(kBearer) + R"(, error="insufficient_scope")";
    const bool quotable = std::all_of(scope.begin(), scope.end(), [](char c) {
        return c > 0x20 && c < 0x7F && c != '"' && c != '\\';
    });
    if (quotable) {
        challenge += R"(, scope=")" + scope + '"';
    }
    response.headers.emplace_back("WWW-Authenticate", challenge);
    return response;
}

std::optional<Response> checkHost(const Gatekeeper::Rules& rules, const RequestView& request) {
    if (rules.hosts.serves(request.host)) {
        return std::nullopt;
    }
    return errorResponse(421,
                         "this server does not answer for the host of the request; api.hosts lists "
                         "those that it answers for");
}

/// Returns a decision that has who sent the request, and nothing else.
Decision begin(const Gatekeeper::Rules& rules, const RequestView& request) {
    const Address peer = Address::parse(request.peer).value_or(Address());
    Decision decision;
    decision.proxied = rules.proxies.trusts(peer);
    decision.client = decision.proxied ? rules.proxies.clientOf(peer, request.forwardedFor) : peer;
    return decision;
}

}  // namespace

void Gatekeeper::replace(std::shared_ptr<const Rules> rules) {
    const std::lock_guard<std::mutex> lock(mutex_);
    rules_ = std::move(rules);
}

std::shared_ptr<const Gatekeeper::Rules> Gatekeeper::rules() const {
    const std::lock_guard<std::mutex> lock(mutex_);
    return rules_;
}

Decision Gatekeeper::decide(const RequestView& request,
                            const std::optional<Scope>& demanded,
                            Time now) {
    const std::shared_ptr<const Rules> rules = this->rules();
    Decision decision = begin(*rules, request);
    decision.headers = rules->origins.headersFor(request.origin);
    decision.answer = checkHost(*rules, request);
    if (!decision.answer &&
        rules->origins.refuses(request.method, request.host, request.origin, request.fetchSite)) {
        decision.answer = errorResponse(
            403,
            "a page of another site may not send this request; api.cors.origins lists "
            "the origins that may");
    }
    if (!decision.answer && demanded) {
        decision.answer = checkToken(rules, request.authorization, *demanded, now, decision);
    }
    if (decision.answer) {
        auto& headers = decision.answer->headers;
        headers.insert(headers.end(), decision.headers.begin(), decision.headers.end());
    }
    return decision;
}

std::optional<Response> Gatekeeper::checkToken(const std::shared_ptr<const Rules>& rules,
                                               std::string_view authorization,
                                               const Scope& demanded,
                                               Time now,
                                               Decision& decision) {
    const Credentials credentials = Credentials::parse(authorization);
    switch (credentials.kind) {
        case Credentials::Kind::None:
            return unauthorized(
                "this request needs a token: Authorization: Bearer TOKEN, or Basic with the token "
                "as the password",
                kBearer);
        case Credentials::Kind::Malformed:
            return errorResponse(400, credentials.reason);
        case Credentials::Kind::Token:
            break;
    }
    const AccessToken* token = rules->tokens.find(credentials.token);
    if (token == nullptr) {
        if (const auto wait = throttle_.onWrongToken(decision.client, now)) {
            return errorResponse(
                429, "too many wrong tokens from this address", static_cast<int>(wait->count()));
        }
        return unauthorized("the token is not valid",
                            std::string(kBearer) + R"(, error="invalid_token")");
    }
    decision.token = token->name;
    if (!token->allows(demanded)) {
        return missingScope(token->name, demanded);
    }
    decision.access = {rules, token};  // The table of the rules has the token.
    return std::nullopt;
}

bool Gatekeeper::trusts(std::string_view address) const {
    const std::optional<Address> parsed = Address::parse(address);
    return parsed && rules()->proxies.trusts(*parsed);
}

Decision Gatekeeper::answerOptions(const RequestView& request,
                                   std::string_view methods,
                                   std::string_view requestHeaders) const {
    const std::shared_ptr<const Rules> rules = this->rules();
    Decision decision = begin(*rules, request);
    decision.answer = checkHost(*rules, request);
    if (decision.answer) {
        return decision;
    }
    Response& response = decision.answer.emplace();
    response.status = 204;
    response.headers = rules->origins.headersFor(request.origin);
    for (auto& header : rules->origins.preflightHeaders(request.origin, methods, requestHeaders)) {
        response.headers.push_back(std::move(header));
    }
    response.headers.emplace_back("Allow", methods);
    return decision;
}

}  // namespace drover::api
