#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include "http/ConnectionGate.h"

namespace drover::api {

/// A ConnectionGate with a Front, and Poco's HTTPServer as the pool for requests that block.
///
/// Threads: start(), stop() and useTls() by one thread.
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

    /// Binds, so that a taken port is known before anything starts. Throws Poco::Net::NetException. `front` outlives it.
    HttpServer(const Settings& settings, Front& front);
    /// Stops without grace if it still runs.
    ~HttpServer();
    HttpServer(const HttpServer&) = delete;
    HttpServer& operator=(const HttpServer&) = delete;

    /// Encrypts the connections that are accepted from now on; nullptr: they are plain. Not after stop().
    void useTls(std::shared_ptr<const TlsContext> context);

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
