#include "trace/OtlpExporter.h"

#include <algorithm>
#include <array>
#include <istream>
#include <optional>

#include <Poco/DateTimeParser.h>
#include <Poco/Exception.h>
#include <Poco/Net/Context.h>
#include <Poco/Net/HTTPClientSession.h>
#include <Poco/Net/HTTPRequest.h>
#include <Poco/Net/HTTPResponse.h>
#include <Poco/Net/HTTPSClientSession.h>
#include <Poco/NumberParser.h>
#include <Poco/Timespan.h>

#include "core/Guarded.h"
#include "core/Random.h"
#include "drover/Exceptions.h"
#include "drover/Json.h"

namespace drover {

namespace {

using std::chrono::milliseconds;

/// The most of a collector's answer that is read.
constexpr std::size_t kMostAnswer = 65536;
/// The most of it that is shown.
constexpr std::size_t kMostShown = 200;
/// A longer Retry-After is cut: the queue has dropped most spans by then.
constexpr milliseconds kLongestPause{30000};

bool mayRepeat(int status) {
    return status == 429 || status == 502 || status == 503 || status == 504;
}

/// Reads the seconds of Retry-After; 0: there are none. The form with a date counts as one second.
milliseconds retryAfterOf(const Poco::Net::HTTPResponse& response) {
    const std::string text = response.get("Retry-After", "");
    unsigned seconds = 0;
    if (!Poco::NumberParser::tryParseUnsigned(text, seconds)) {
        return milliseconds(text.empty() ? 0 : 1000);
    }
    return std::min(milliseconds(std::int64_t{seconds} * 1000), kLongestPause);
}

std::string answerOf(std::istream& in, std::chrono::steady_clock::time_point until) {
    std::string answer;
    std::array<char, 4096> bytes{};
    while (answer.size() < kMostAnswer && in && std::chrono::steady_clock::now() < until) {
        in.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
        answer.append(bytes.data(), static_cast<std::size_t>(in.gcount()));
    }
    return answer;
}

Poco::URI parsed(const std::string& endpoint) {
    if (const std::string error = OtlpExporter::endpointError(endpoint); !error.empty()) {
        throw ConfigException("trace.endpoint: " + error);
    }
    return Poco::URI(endpoint);
}

Poco::Timespan timespan(milliseconds time) {
    return Poco::Timespan(time.count() * 1000);
}

}  // namespace

/// Makes the connections to the collector.
class OtlpExporter::Session {
public:
    Session(const Poco::URI& endpoint, const std::string& caFile)
        : host_(endpoint.getHost()), port_(endpoint.getPort()) {
        if (endpoint.getScheme() != "https") {
            return;
        }
        try {
            constexpr int kDepth = 9;
            context_ = new Poco::Net::Context(Poco::Net::Context::TLS_CLIENT_USE,
                                              "",
                                              "",
                                              caFile,
                                              Poco::Net::Context::VERIFY_STRICT,
                                              kDepth,
                                              caFile.empty());
        } catch (const Poco::Exception& error) {
            throw ConfigException("trace.caFile: " + caFile + ": " + error.displayText());
        }
    }

    [[nodiscard]] std::unique_ptr<Poco::Net::HTTPClientSession> open(milliseconds timeout) const {
        auto session = context_
                           ? std::make_unique<Poco::Net::HTTPSClientSession>(host_, port_, context_)
                           : std::make_unique<Poco::Net::HTTPClientSession>(host_, port_);
        session->setTimeout(timespan(timeout), timespan(timeout), timespan(timeout));
        return session;
    }

private:
    const std::string host_;
    const std::uint16_t port_;
    Poco::Net::Context::Ptr context_;
};

std::string OtlpExporter::endpointError(std::string_view endpoint) {
    try {
        const Poco::URI uri{std::string(endpoint)};
        const bool isHttp = uri.getScheme() == "http" || uri.getScheme() == "https";
        return isHttp && !uri.getHost().empty()
                   ? ""
                   : "expected a URL such as http://127.0.0.1:4318/v1/traces";
    } catch (const Poco::Exception& error) {
        return "is not a URL: " + error.displayText();
    }
}

OtlpExporter::OtlpExporter(Settings settings, Tracer& tracer)
    : settings_(std::move(settings)),
      endpoint_(parsed(settings_.endpoint)),
      shown_(endpoint_.getScheme() + "://" + endpoint_.getHost() + ":" +
             std::to_string(endpoint_.getPort()) + endpoint_.getPath()),
      session_(std::make_shared<Session>(endpoint_, settings_.caFile)),
      tracer_(tracer),
      log_("trace") {}

OtlpExporter::~OtlpExporter() {
    stop(Clock::now());
    if (thread_.joinable()) {
        thread_.join();
    }
}

void OtlpExporter::start() {
    thread_ = std::thread([this] {
        while (!runGuarded("trace", [this] { run(); })) {
        }
        const std::lock_guard lock(mutex_);
        ended_ = true;
        changed_.notify_all();
    });
}

bool OtlpExporter::stop(Clock::time_point until) {
    std::unique_lock lock(mutex_);
    stopping_ = true;
    until_ = std::min(until_, until);
    changed_.notify_all();
    tracer_.wake();
    return !thread_.joinable() || changed_.wait_until(lock, until, [this] { return ended_; });
}

std::string OtlpExporter::problem() const {
    const std::lock_guard lock(mutex_);
    return problem_;
}

void OtlpExporter::run() {
    for (;;) {
        const std::vector<Span> spans = tracer_.pop(settings_.maxBatch, settings_.delay);
        {
            const std::lock_guard lock(mutex_);
            if (stopping_ && (spans.empty() || Clock::now() >= until_)) {
                lost_ += spans.size();
                return;
            }
        }
        if (!spans.empty()) {
            send(spans);
        }
    }
}

void OtlpExporter::send(const std::vector<Span>& spans) {
    const std::string body = otlpJson(spans, settings_.resource);
    milliseconds pause = settings_.firstPause;
    for (int attempt = 1;; ++attempt) {
        const Attempt result = post(body);
        if (result.accepted) {
            return onAccepted(spans.size(), result.problem);
        }
        onProblem(result.problem);
        const milliseconds wait =
            result.retryAfter.count() > 0 ? result.retryAfter : jittered(pause);
        if (!result.mayRepeat || attempt >= settings_.attempts || !pauseFor(wait)) {
            return onLost(spans.size());
        }
        pause *= 2;
    }
}

OtlpExporter::Attempt OtlpExporter::post(const std::string& body) const {
    milliseconds timeout = settings_.timeout;
    {
        const std::lock_guard lock(mutex_);
        if (stopping_) {
            timeout = std::clamp(std::chrono::duration_cast<milliseconds>(until_ - Clock::now()),
                                 milliseconds(1),
                                 timeout);
        }
    }
    Attempt attempt;
    try {
        const auto until = Clock::now() + timeout;
        const auto session = session_->open(timeout);
        Poco::Net::HTTPRequest request(
            Poco::Net::HTTPRequest::HTTP_POST,
            endpoint_.getPathAndQuery().empty() ? "/" : endpoint_.getPathAndQuery(),
            Poco::Net::HTTPMessage::HTTP_1_1);
        request.setContentType("application/json");
        request.setContentLength64(static_cast<Poco::Int64>(body.size()));
        request.setKeepAlive(false);
        for (const auto& [name, value] : settings_.headers) {
            request.set(name, value);
        }
        session->sendRequest(request).write(body.data(), static_cast<std::streamsize>(body.size()));
        Poco::Net::HTTPResponse response;
        const std::string answer = answerOf(session->receiveResponse(response), until);
        const int status = response.getStatus();
        attempt.accepted = status >= 200 && status < 300;
        attempt.mayRepeat = mayRepeat(status);
        attempt.retryAfter = retryAfterOf(response);
        attempt.problem = attempt.accepted ? partialSuccess(answer)
                                           : "it answered " + std::to_string(status) + " " +
                                                 repairedUtf8(answer.substr(0, kMostShown));
    } catch (const Poco::Exception& error) {
        attempt = {false, true, milliseconds(0), error.displayText()};
    } catch (const std::exception& error) {
        attempt = {false, true, milliseconds(0), error.what()};
    }
    return attempt;
}

bool OtlpExporter::pauseFor(milliseconds time) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, time, [this] { return stopping_; });
    // A process that ends makes no pauses: the collector had its time.
    return !stopping_;
}

void OtlpExporter::onAccepted(std::size_t count, const std::string& about) {
    exported_ += count;
    if (!about.empty()) {
        log_.warning("the collector at " + shown_ + " accepted a batch in part: " + about);
    }
    std::unique_lock lock(mutex_);
    if (problem_.empty()) {
        return;
    }
    problem_.clear();
    const auto seconds =
        std::chrono::duration_cast<std::chrono::seconds>(Clock::now() - since_).count();
    lock.unlock();
    log_.information("the collector at " + shown_ + " accepts spans again after " +
                     std::to_string(seconds) + " s; " + std::to_string(lost_ - lostBefore_) +
                     " spans were lost");
}

void OtlpExporter::onLost(std::size_t count) {
    lost_ += count;
}

void OtlpExporter::onProblem(const std::string& problem) {
    std::unique_lock lock(mutex_);
    const bool begins = problem_.empty();
    problem_ = problem;
    if (!begins) {
        return;
    }
    since_ = Clock::now();
    lock.unlock();
    lostBefore_ = lost_;
    log_.warning("the collector at " + shown_ + " does not accept spans: " + problem +
                 "; spans that wait too long are lost");
}

}  // namespace drover
