#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace Poco::Net {
class HTTPServer;
}

namespace drover::test {

class TestCertificate;

/// A span as a collector gets it; attributes are JSON texts of their values, "intValue":"7" as 7.
struct ReceivedSpan {
    std::string service;
    std::string name;
    int kind = 0;
    std::string traceId, spanId, parentId, state;
    std::int64_t beganNs = 0, endedNs = 0;
    std::map<std::string, std::string> attributes;
    std::map<std::string, std::map<std::string, std::string>> events;
    int status = 0;
    std::string failure;
};

/// A collector of OTLP over HTTP on a free port of 127.0.0.1, which answers as a test wants.
/// Threads: every method may be called from any thread.
class StubCollector {
public:
    struct Request {
        std::string path;
        std::map<std::string, std::string> headers;  ///< Names in lower case.
        std::string body;
    };
    struct Answer {
        int status = 200;
        std::string body = "{}";
        std::string retryAfter{};  ///< Empty: none.
    };

    /// `certificate`: of a collector that speaks HTTPS; its name must be 127.0.0.1 to fit.
    explicit StubCollector(const TestCertificate* certificate = nullptr);
    ~StubCollector();
    StubCollector(const StubCollector&) = delete;
    StubCollector& operator=(const StubCollector&) = delete;

    [[nodiscard]] std::string url() const;
    /// The next answers, in order; afterwards it accepts everything.
    void answerBy(std::vector<Answer> answers);
    /// Answers nothing until release().
    void hold();
    void release();

    /// Waits, for a minute at most, until that many requests have come, and returns all of them.
    [[nodiscard]] std::vector<Request> awaitRequests(std::size_t count);
    /// Waits until the spans of all accepted requests satisfy the condition, and returns them. Fails the test after a minute.
    std::vector<ReceivedSpan> awaitSpans(
        const std::function<bool(const std::vector<ReceivedSpan>&)>& enough);

    /// Called by the server.
    Answer onRequest(Request request);

private:
    std::mutex mutex_;
    std::condition_variable changed_;
    std::vector<Request> requests_;
    std::vector<ReceivedSpan> spans_;
    std::deque<Answer> answers_;
    bool held_ = false;
    const bool isSecure_;
    std::unique_ptr<Poco::Net::HTTPServer> server_;
};

/// Returns the spans of an export.
[[nodiscard]] std::vector<ReceivedSpan> parseExport(const std::string& body);

}  // namespace drover::test
