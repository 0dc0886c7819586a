#include "support/StubCollector.h"

#include <istream>
#include <iterator>
#include <utility>

#include <Poco/Net/Context.h>
#include <Poco/Net/HTTPRequestHandler.h>
#include <Poco/Net/HTTPRequestHandlerFactory.h>
#include <Poco/Net/HTTPServer.h>
#include <Poco/Net/HTTPServerParams.h>
#include <Poco/Net/HTTPServerRequest.h>
#include <Poco/Net/HTTPServerResponse.h>
#include <Poco/Net/SecureServerSocket.h>
#include <Poco/Net/ServerSocket.h>
#include <Poco/Net/SocketAddress.h>
#include <Poco/String.h>
#include <cppunit/TestAssert.h>

#include "drover/Json.h"
#include "support/TestCertificate.h"

namespace drover::test {

namespace {

constexpr std::chrono::minutes kPatience{1};

class Handler : public Poco::Net::HTTPRequestHandler {
public:
    explicit Handler(StubCollector& collector) : collector_(collector) {}

    void handleRequest(Poco::Net::HTTPServerRequest& in,
                       Poco::Net::HTTPServerResponse& out) override {
        StubCollector::Request request;
        request.path = in.getURI();
        for (const auto& [name, value] : in) {
            request.headers[Poco::toLower(name)] = value;
        }
        request.body.assign(std::istreambuf_iterator<char>(in.stream()), {});
        const StubCollector::Answer answer = collector_.onRequest(std::move(request));
        out.setStatus(static_cast<Poco::Net::HTTPResponse::HTTPStatus>(answer.status));
        out.setContentType("application/json");
        if (!answer.retryAfter.empty()) {
            out.set("Retry-After", answer.retryAfter);
        }
        out.sendBuffer(answer.body.data(), answer.body.size());
    }

private:
    StubCollector& collector_;
};

class Factory : public Poco::Net::HTTPRequestHandlerFactory {
public:
    explicit Factory(StubCollector& collector) : collector_(collector) {}
    Poco::Net::HTTPRequestHandler* createRequestHandler(
        const Poco::Net::HTTPServerRequest& /*request*/) override {
        return new Handler(collector_);
    }

private:
    StubCollector& collector_;
};

Poco::Net::ServerSocket socketOf(const TestCertificate* certificate) {
    const Poco::Net::SocketAddress address("127.0.0.1", 0);
    if (certificate == nullptr) {
        return Poco::Net::ServerSocket(address);
    }
    constexpr int kBacklog = 64;
    return Poco::Net::SecureServerSocket(address,
                                         kBacklog,
                                         new Poco::Net::Context(Poco::Net::Context::TLS_SERVER_USE,
                                                                certificate->key(),
                                                                certificate->certificate(),
                                                                "",
                                                                Poco::Net::Context::VERIFY_NONE));
}

std::string valueOf(const JsonView& value) {
    if (const auto text = value["stringValue"].string()) {
        return *text;
    }
    if (value["arrayValue"].isObject()) {
        std::string all;
        for (const JsonView& one : value["arrayValue"]["values"].elements()) {
            all += (all.empty() ? "" : ",") + valueOf(one);
        }
        return all;
    }
    for (const char* name : {"intValue", "boolValue", "doubleValue"}) {
        if (const auto member = value.member(name)) {
            return member->string().value_or(std::string(member->text()));
        }
    }
    return "";
}

std::map<std::string, std::string> attributesOf(const JsonView& json) {
    std::map<std::string, std::string> attributes;
    for (const JsonView& one : json["attributes"].elements()) {
        attributes[one["key"].string().value_or("")] = valueOf(one["value"]);
    }
    return attributes;
}

std::int64_t nanoseconds(const JsonView& json) {
    return std::stoll(json.string().value_or("0"));
}

ReceivedSpan spanOf(const JsonView& json, const std::string& service) {
    ReceivedSpan span;
    span.service = service;
    span.name = json["name"].string().value_or("");
    span.kind = static_cast<int>(json["kind"].integer().value_or(0));
    span.traceId = json["traceId"].string().value_or("");
    span.spanId = json["spanId"].string().value_or("");
    span.parentId = json["parentSpanId"].string().value_or("");
    span.state = json["traceState"].string().value_or("");
    span.beganNs = nanoseconds(json["startTimeUnixNano"]);
    span.endedNs = nanoseconds(json["endTimeUnixNano"]);
    span.attributes = attributesOf(json);
    for (const JsonView& event : json["events"].elements()) {
        span.events[event["name"].string().value_or("")] = attributesOf(event);
    }
    span.status = static_cast<int>(json["status"]["code"].integer().value_or(0));
    span.failure = json["status"]["message"].string().value_or("");
    return span;
}

}  // namespace

std::vector<ReceivedSpan> parseExport(const std::string& body) {
    std::vector<ReceivedSpan> spans;
    const JsonView json = JsonView::parse(body);
    for (const JsonView& resource : json["resourceSpans"].elements()) {
        const std::string service = attributesOf(resource["resource"])["service.name"];
        for (const JsonView& scope : resource["scopeSpans"].elements()) {
            for (const JsonView& span : scope["spans"].elements()) {
                spans.push_back(spanOf(span, service));
            }
        }
    }
    return spans;
}

StubCollector::StubCollector(const TestCertificate* certificate)
    : isSecure_(certificate != nullptr) {
    Poco::Net::HTTPServerParams::Ptr parameters = new Poco::Net::HTTPServerParams;
    parameters->setKeepAlive(false);
    server_ = std::make_unique<Poco::Net::HTTPServer>(
        new Factory(*this), socketOf(certificate), parameters);
    server_->start();
}

StubCollector::~StubCollector() {
    release();
    server_->stopAll(true);
}

std::string StubCollector::url() const {
    return std::string(isSecure_ ? "https" : "http") +
           "://127.0.0.1:" + std::to_string(server_->port()) + "/v1/traces";
}

void StubCollector::answerBy(std::vector<Answer> answers) {
    const std::lock_guard lock(mutex_);
    answers_.assign(std::make_move_iterator(answers.begin()),
                    std::make_move_iterator(answers.end()));
}

void StubCollector::hold() {
    const std::lock_guard lock(mutex_);
    held_ = true;
}

void StubCollector::release() {
    const std::lock_guard lock(mutex_);
    held_ = false;
    changed_.notify_all();
}

StubCollector::Answer StubCollector::onRequest(Request request) {
    std::unique_lock lock(mutex_);
    Answer answer;
    if (!answers_.empty()) {
        answer = answers_.front();
        answers_.pop_front();
    }
    if (answer.status == 200) {
        std::vector<ReceivedSpan> spans = parseExport(request.body);
        spans_.insert(spans_.end(),
                      std::make_move_iterator(spans.begin()),
                      std::make_move_iterator(spans.end()));
    }
    requests_.push_back(std::move(request));
    changed_.notify_all();
    changed_.wait(lock, [this] { return !held_; });
    return answer;
}

std::vector<StubCollector::Request> StubCollector::awaitRequests(std::size_t count) {
    std::unique_lock lock(mutex_);
    CPPUNIT_ASSERT_MESSAGE(
        "the collector got too few requests",
        changed_.wait_for(lock, kPatience, [&] { return requests_.size() >= count; }));
    return requests_;
}

std::vector<ReceivedSpan> StubCollector::awaitSpans(
    const std::function<bool(const std::vector<ReceivedSpan>&)>& enough) {
    std::unique_lock lock(mutex_);
    const bool came = changed_.wait_for(lock, kPatience, [&] { return enough(spans_); });
    std::string names;
    for (const ReceivedSpan& span : spans_) {
        names += "\n" + span.service + ": " + span.name;
    }
    CPPUNIT_ASSERT_MESSAGE("the collector misses spans, and has" + names, came);
    return spans_;
}

}  // namespace drover::test
