#include "HttpFront.h"

#include <algorithm>
#include <cstdint>
#include <iterator>

#include "http/AccessLog.h"
#include "http/AnswerOf.h"
#include "http/HttpText.h"
#include "pages/OpenApi.h"
#include "pages/StaticFiles.h"

namespace drover::api {

namespace {

/// A larger body is checked on the pool: a parser of 1 GB/s would hold up all connections for 64 us.
constexpr std::size_t kSmallBody = 65536;

constexpr std::string_view kForwardedFor = "X-Forwarded-For";

/// `forwardedFor` is the request's X-Forwarded-For.
RequestView viewOf(const HttpRequest& request, const std::optional<std::string>& forwardedFor) {
    const WholeRequest& whole = request.whole();
    return {.method = whole.method(),
            .peer = request.remoteAddress(),
            .host = whole.host(),
            .authorization = whole.authorization(),
            .origin = whole.origin(),
            .fetchSite = whole.fetchSite(),
            .forwardedFor = forwardedFor ? std::string_view(*forwardedFor) : std::string_view()};
}

bool isKnownMethod(std::string_view method) {
    constexpr std::string_view kMethods[] = {
        "GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"};
    return std::find(std::begin(kMethods), std::end(kMethods), method) != std::end(kMethods);
}

}  // namespace

HttpFront::HttpFront(const Routes& routes, const Settings& settings)
    : routes_(routes),
      title_(settings.title),
      version_(settings.version),
      gatekeeper_(settings.rules),
      clients_(settings.maxRequestsPerClient),
      accessLog_(settings.accessLog),
      tracer_(settings.tracer),
      router_(routes),
      maxBodyBytes_(settings.maxBodyBytes),
      logger_(Poco::Logger::get(settings.name)) {
    if (settings.docsPages) {
        pages_.emplace(settings.docsFolder, settings.title);
    }
}

void HttpFront::replace(std::shared_ptr<const Gatekeeper::Rules> rules, bool accessLog) {
    gatekeeper_.replace(std::move(rules));
    accessLog_ = accessLog;
}

bool HttpFront::isProxy(const std::string& address) const {
    return gatekeeper_.trusts(address);
}

Handling HttpFront::accept(HttpRequest& request, Responder& responder, AnswerNotes& notes) {
    Target target = Target::parse(request.target());
    if (tracer_) {
        trace(request, target, notes);
    }
    if (request.method() == "OPTIONS") {
        responder.respond(answerOptions(request, target, notes));
        return {};
    }
    auto found = router_.find(request, target);
    const auto* const match = std::get_if<Router::Match>(&found);
    std::shared_ptr<const AccessToken> token;
    if (std::optional<Response> refusal = refusalOf(request, target, match, notes, token)) {
        responder.respond(*std::move(refusal));
        return {};
    }
    if (request.method() == "GET" || request.method() == "HEAD") {
        if (target.segments == std::vector<std::string>{"api-json"}) {
            return {.pooled = [this](HttpRequest&, Responder&) { return document(); }};
        }
        if (pages_ && (DocsPages::isPage(target.path) ||
                       (match == nullptr && DocsPages::mayBeFile(target.path)))) {
            return {.pooled = [this, path = target.path](HttpRequest& page, Responder&) {
                return pages_->answer(path, page);
            }};
        }
    }
    if (match == nullptr) {
        responder.respond(std::move(std::get<Response>(found)));
        return {};
    }
    return acceptRoute(
        request, responder, std::move(target), *match, std::move(token), notes.trace);
}

void HttpFront::trace(const HttpRequest& request, const Target& target, AnswerNotes& notes) const {
    TraceContext caller;
    if (const std::optional<std::string> parent = request.header("traceparent")) {
        caller = TraceContext::parse(*parent, request.header("tracestate").value_or(""))
                     .value_or(TraceContext());
    }
    SpanStart start = tracer_->start(caller);
    notes.trace = start.context;
    if (!start.context.sampled) {
        return;
    }
    notes.span = std::make_unique<Span>();
    Span& span = *notes.span;
    span.kind = Span::Kind::Server;
    span.start = std::move(start);
    span.name = isKnownMethod(request.method()) ? request.method() : "HTTP";
    span.attributes.set("http.request.method",
                        isKnownMethod(request.method()) ? span.name : std::string("_OTHER"));
    span.attributes.set("url.path", target.path);
}

void HttpFront::onAnswer(AnswerNotes& notes,
                         int status,
                         std::optional<std::chrono::nanoseconds> took) {
    figures_.onAnswer(notes, status, took);
    if (!notes.span) {
        return;
    }
    Span& span = *notes.span;
    if (!notes.route.empty()) {
        span.name += " " + notes.route;
        span.attributes.set("http.route", notes.route);
    }
    span.attributes.set("client.address", notes.client);
    span.attributes.set("http.response.status_code", std::int64_t{status});
    if (status >= 500 || status == AccessLog::kClientLeft) {
        span.attributes.set("error.type", std::to_string(status));
        span.fail(status >= 500 ? reasonPhrase(status) : "the client left before the answer");
    }
    span.endedNs = Tracer::nowNs();
    tracer_->record(std::move(span));
    notes.span.reset();
}

std::optional<Response> HttpFront::refusalOf(const HttpRequest& request,
                                             const Target& target,
                                             const Router::Match* match,
                                             AnswerNotes& notes,
                                             std::shared_ptr<const AccessToken>& token) {
    const std::optional<std::string> forwarded = request.header(kForwardedFor);
    RequestView view = viewOf(request, forwarded);
    if (match != nullptr && match->route()->scope &&
        match->route()->scope->kind != Scope::Kind::Read) {
        view.method = "POST";  // A page of another site must not send it, whatever its method.
    }
    Decision decision = gatekeeper_.decide(view,
                                           match == nullptr ? std::nullopt : match->scope(target),
                                           std::chrono::steady_clock::now());
    token = std::move(decision.access);
    if (match != nullptr) {
        notes.route = match->route()->path;
    }
    std::optional<Response> refusal = admit(decision, notes);
    return decision.answer ? std::move(decision.answer) : std::move(refusal);
}

std::optional<Response> HttpFront::admit(Decision& decision, AnswerNotes& notes) {
    notes.token = std::move(decision.token);
    notes.headers = decision.answer ? OriginPolicy::Headers() : std::move(decision.headers);
    if (decision.proxied) {
        notes.client = decision.client.text();
        notes.guard = clients_.admit(decision.client);
        if (!notes.guard) {
            return errorResponse(503, "Too many requests from this address", 1);
        }
    }
    return std::nullopt;
}

Response HttpFront::answerOptions(const HttpRequest& request,
                                  const Target& target,
                                  AnswerNotes& notes) {
    const std::optional<std::string> forwarded = request.header(kForwardedFor);
    const std::optional<Router::Options> options = router_.options(target);
    Decision decision = gatekeeper_.answerOptions(viewOf(request, forwarded),
                                                  options ? options->methods : std::string(),
                                                  options ? options->headers : std::string());
    if (std::optional<Response> refusal = admit(decision, notes)) {
        return std::move(*refusal);
    }
    return options ? std::move(*decision.answer)
                   : errorResponse(404, "Cannot OPTIONS " + target.path);
}

Handling HttpFront::acceptRoute(HttpRequest& request,
                                Responder& responder,
                                Target target,
                                const Router::Match& match,
                                std::shared_ptr<const AccessToken> token,
                                const TraceContext& trace) {
    const std::shared_ptr<const Route>& route = match.route();
    if (const std::optional<OpenBody>& body = request.whole().openBody()) {
        if (!route->openBodies) {
            throw HttpError(body->refusalStatus, body->refusalMessage);
        }
        if (!request.contentEncoding().empty()) {
            throw HttpError(415,
                            "A body that is chunked or larger than " +
                                std::to_string(maxBodyBytes_) +
                                " bytes must come without Content-Encoding");
        }
    }
    const bool small = request.contentEncoding().empty() && request.body().size() <= kSmallBody;
    if (route->asyncHandler && small) {
        auto checked = Router::check(match, request, target);
        if (auto* const mistakes = std::get_if<Response>(&checked)) {
            responder.respond(std::move(*mistakes));
            return {};
        }
        auto mine = std::find_if(turn_.begin(), turn_.end(), [&route](const auto& entry) {
            return entry.first == route;
        });
        if (mine == turn_.end()) {
            mine = turn_.emplace(turn_.end(), route, Exchanges());
        }
        std::get<Request>(checked).token = std::move(token);
        std::get<Request>(checked).trace = trace;
        mine->second.push_back({std::move(std::get<Request>(checked)), std::move(responder)});
        return {.pooled = {}, .answerTimeout = route->answerTimeout};
    }
    Handling handling;
    handling.pooled = [this, match, target = std::move(target), token = std::move(token), trace](
                          HttpRequest& whole, Responder& to) -> std::optional<Response> {
        whole.decode(maxBodyBytes_);
        auto checked = Router::check(match, whole, target);
        if (auto* const mistakes = std::get_if<Response>(&checked)) {
            return std::move(*mistakes);
        }
        std::get<Request>(checked).token = token;
        std::get<Request>(checked).trace = trace;
        const TraceScope scope(trace);
        if (match.route()->handler) {
            return unlessKnown(match.route()->handler(std::get<Request>(checked)), whole);
        }
        Exchanges exchanges;
        exchanges.push_back({std::move(std::get<Request>(checked)), std::move(to)});
        run(*match.route(), std::move(exchanges));
        return std::nullopt;
    };
    if (route->asyncHandler) {
        handling.answerTimeout = route->answerTimeout;
    }
    return handling;
}

void HttpFront::endOfTurn() {
    for (auto& [route, exchanges] : std::exchange(turn_, {})) {
        run(*route, std::move(exchanges));
    }
}

void HttpFront::run(const Route& route, Exchanges exchanges) const {
    try {
        route.asyncHandler(std::move(exchanges));
    } catch (...) {
        // The exchanges that it has not moved away answer 500.
        logger_.error("%s %s threw: %s", route.method, route.path, thrownText());
    }
}

Response HttpFront::document() {
    const std::shared_ptr<const Routes::Table> table = routes_.snapshot();
    const std::lock_guard lock(mutex_);
    if (documented_ != table) {
        document_ = openApiDocument(*table, title_, version_);
        documented_ = table;
    }
    Response response;
    response.body = document_;
    return response;
}

}  // namespace drover::api
