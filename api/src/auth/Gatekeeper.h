#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "auth/Address.h"
#include "auth/HostList.h"
#include "auth/OriginPolicy.h"
#include "auth/Throttle.h"
#include "auth/TokenTable.h"
#include "auth/TrustedProxies.h"
#include "drover/Routes.h"
#include "drover/Scope.h"

namespace drover::api {

/// The parts of a request that decide whether it is served. Empty: the request does not have that header. Each header but
/// X-Forwarded-For stands once; its lines are joined by commas.
struct RequestView {
    std::string_view method;
    std::string_view peer;  ///< The other end of the connection: numeric, without port.
    std::string_view host;
    std::string_view authorization;
    std::string_view origin;
    std::string_view fetchSite;     ///< Sec-Fetch-Site.
    std::string_view forwardedFor;  ///< X-Forwarded-For.
};

/// The outcome of a request at the gate.
struct Decision {
    /// The whole answer, with all its headers: a refusal, or that to OPTIONS. std::nullopt: the request is served.
    std::optional<Response> answer;
    std::string token{};  ///< The name of a valid token that was looked up; empty: none.
    std::shared_ptr<const AccessToken> access{};  ///< That token, if it has the scope.
    Address client{};  ///< For caps and logs: behind trusted proxies, the address that they report.
    bool proxied = false;             ///< The other end of the connection is a trusted proxy.
    OriginPolicy::Headers headers{};  ///< For the answer of a served request.
};

/// Decides who may come in.
///
/// In this order: the host must be one that the front answers for (421); a page of another site may change nothing (403);
/// a route that demands a scope needs a token (401, or 400 for a header that is malformed), a valid one (401, and 429 once
/// the client has brought too many wrong ones), with that scope (403). A route that demands none serves every client,
/// and the token is not looked at.
/// Threads: any.
class Gatekeeper {
public:
    using Time = Throttle::Time;

    /// All that configuration decides; never changes.
    struct Rules {
        TokenTable tokens{};
        HostList hosts{};
        OriginPolicy origins{};
        TrustedProxies proxies{};
    };

    explicit Gatekeeper(std::shared_ptr<const Rules> rules, const Throttle::Limits& limits = {})
        : throttle_(limits), rules_(std::move(rules)) {}

    /// Puts other rules in place, for a reload. Decisions under way end by the old ones; counts of wrong tokens stay.
    void replace(std::shared_ptr<const Rules> rules);

    /// `demanded` is the scope of the route; std::nullopt: it needs none.
    [[nodiscard]] Decision decide(const RequestView& request,
                                  const std::optional<Scope>& demanded,
                                  Time now);

    /// Decides on OPTIONS, a preflight included, which comes without a token: the answer is 204, or 421. `methods` and
    /// `requestHeaders` are those that the path accepts, parted by commas.
    [[nodiscard]] Decision answerOptions(const RequestView& request,
                                         std::string_view methods,
                                         std::string_view requestHeaders) const;

    /// Returns true for the address of a trusted proxy.
    [[nodiscard]] bool trusts(std::string_view address) const;

private:
    [[nodiscard]] std::shared_ptr<const Rules> rules() const;
    /// Returns the refusal, and the token's name through `decision`.
    std::optional<Response> checkToken(const std::shared_ptr<const Rules>& rules,
                                       std::string_view authorization,
                                       const Scope& demanded,
                                       Time now,
                                       Decision& decision);

    Throttle throttle_;
    mutable std::mutex mutex_;
    std::shared_ptr<const Rules> rules_;  ///< Guarded by mutex_.
};

}  // namespace drover::api
