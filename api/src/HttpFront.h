#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <Poco/Logger.h>

#include "auth/ClientLimit.h"
#include "auth/Gatekeeper.h"
#include "drover/Routes.h"
#include "http/Front.h"
#include "http/HttpFigures.h"
#include "http/Target.h"
#include "pages/DocsPages.h"
#include "routes/Router.h"

namespace drover::api {

/// The main port: the OpenAPI document, the pages for people, and every route of the table.
///
/// Requests for asynchronous routes are gathered in a turn of the loop, and each route gets its own together. A request
/// whose body is compressed or large is checked on the pool, and its route gets it from there.
class HttpFront : public Front {
public:
    struct Settings {
        std::string title = "Drover";
        std::string version;
        bool docsPages = true;  ///< Off in production.
        std::string docsFolder;
        std::size_t maxBodyBytes =
            RequestLimits().maxBodyBytes;  ///< Also behind a Content-Encoding.
        std::string name = "http";         ///< Of the logger.
        /// Requests under way of one client behind trusted proxies; one more is answered with 503.
        std::size_t maxRequestsPerClient = 2048;
        std::shared_ptr<const Gatekeeper::Rules> rules =
            std::make_shared<const Gatekeeper::Rules>();
        bool accessLog = false;
        std::shared_ptr<Tracer> tracer{};  ///< nullptr: there are no traces.
    };

    HttpFront(const Routes& routes, const Settings& settings);

    [[nodiscard]] Handling accept(HttpRequest& request,
                                  Responder& responder,
                                  AnswerNotes& notes) override;
    void endOfTurn() override;
    void onAnswer(AnswerNotes& notes,
                  int status,
                  std::optional<std::chrono::nanoseconds> took) override;
    [[nodiscard]] bool logsAccess() const override { return accessLog_; }
    [[nodiscard]] bool isProxy(const std::string& address) const override;

    /// Puts other rules and another access log in place. Requests under way end by the old ones. Any thread.
    void replace(std::shared_ptr<const Gatekeeper::Rules> rules, bool accessLog);

    /// Adds how many requests got which answer, and when. Any thread.
    void measure(Metrics& metrics) const { figures_.measure(metrics); }

private:
    using Exchanges = std::vector<Exchange>;

    /// Returns the refusal of a request that may not come in; else its token through `token`.
    [[nodiscard]] std::optional<Response> refusalOf(const HttpRequest& request,
                                                    const Target& target,
                                                    const Router::Match* match,
                                                    AnswerNotes& notes,
                                                    std::shared_ptr<const AccessToken>& token);
    [[nodiscard]] Response answerOptions(const HttpRequest& request,
                                         const Target& target,
                                         AnswerNotes& notes);
    /// Notes who sent the request, and counts it if a proxy did. Returns the refusal of one too many.
    [[nodiscard]] std::optional<Response> admit(Decision& decision, AnswerNotes& notes);
    [[nodiscard]] Response document();
    [[nodiscard]] Handling acceptRoute(HttpRequest& request,
                                       Responder& responder,
                                       Target target,
                                       const Router::Match& match,
                                       std::shared_ptr<const AccessToken> token,
                                       const TraceContext& trace);
    /// Begins the span of a request, below the one that its headers name.
    void trace(const HttpRequest& request, const Target& target, AnswerNotes& notes) const;
    void run(const Route& route, Exchanges exchanges) const;

    const Routes& routes_;
    const std::string title_;
    const std::string version_;
    Gatekeeper gatekeeper_;
    ClientLimit clients_;
    HttpFigures figures_;
    std::atomic<bool> accessLog_;
    const std::shared_ptr<Tracer> tracer_;
    mutable Router router_;
    std::optional<DocsPages> pages_;
    const std::size_t maxBodyBytes_;
    Poco::Logger& logger_;
    std::vector<std::pair<std::shared_ptr<const Route>, Exchanges>>
        turn_;  ///< Used by the loop's thread.
    std::mutex mutex_;
    std::shared_ptr<const Routes::Table>
        documented_;        ///< Guarded by mutex_, and what was made of it:
    std::string document_;  ///< guarded by mutex_.
};

}  // namespace drover::api
