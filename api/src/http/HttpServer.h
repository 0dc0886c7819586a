#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "drover/Routes.h"
#include "http/ConnectionGate.h"

namespace drover::api {

/// A complete, checked request before routing. The texts are valid during the answer.
struct HttpRequest {
    std::string_view method;
    std::string_view target;  ///< Path and query, percent-encoded.
    std::string_view contentType;
    std::string_view body;  ///< Behind its Content-Encoding, never larger than the limit of a body.
    bool hasLength = false;  ///< Content-Length was given, be it 0.
    std::string remoteAddress;
};

/// Answers a request. Runs on many threads at once; an exception becomes the answer 500.
using Answerer = std::function<Response(const HttpRequest&)>;

/// Poco's HTTPServer behind a ConnectionGate: the gate finds complete requests, Poco reads and writes HTTP, the Answerer
/// makes the answer.
///
/// Threads: start() and stop() by one thread.
class HttpServer {
public:
    struct Settings {
        ConnectionGate::Settings gate;
        int threads = 32;
        /// A request that waited longer than this for a thread is answered with 503: when every thread is held by a slow
        /// backend, an answer after the client gave up helps no client.
        std::chrono::milliseconds waitTimeout{1000};
        std::string name = "http";  ///< Names the threads and the logger.
    };

    /// Binds, so that a taken port is known before anything starts. Throws Poco::Net::NetException.
    HttpServer(const Settings& settings, Answerer answerer);
    /// Stops without grace if it still runs.
    ~HttpServer();
    HttpServer(const HttpServer&) = delete;
    HttpServer& operator=(const HttpServer&) = delete;

    void start();

    /// Accepts no more, lets requests in flight end, and cuts off the rest; returns within `grace` and a few
    /// milliseconds whatever clients and handlers do (docs/pitfalls.md#n9). Returns the number of handlers that are still
    /// running; their threads, and all that they use, are then left alone until the process ends.
    int stop(std::chrono::milliseconds grace);

    [[nodiscard]] std::uint16_t port() const;

private:
    class Running;

    std::unique_ptr<Running> running_;
    std::uint16_t port_;
};

}  // namespace drover::api
