#include "http/HttpServer.h"

#include <algorithm>
#include <thread>
#include <utility>

#include <Poco/Logger.h>
#include <Poco/Net/HTTPRequestHandler.h>
#include <Poco/Net/HTTPRequestHandlerFactory.h>
#include <Poco/Net/HTTPServer.h>
#include <Poco/Net/HTTPServerParams.h>
#include <Poco/Net/HTTPServerRequestImpl.h>
#include <Poco/Net/HTTPServerResponse.h>
#include <Poco/Net/ServerSocket.h>
#include <Poco/ThreadPool.h>

#include "http/AnswerOf.h"
#include "http/GateSocket.h"
#include "http/GuardedSocket.h"
#include "http/HttpText.h"

namespace drover::api {

namespace {

using std::chrono::milliseconds;

/// The part of the grace time for cutting connections and for threads to return.
constexpr milliseconds kWindDown{200};
/// Requests that have begun when the server stops may take this long to become whole.
constexpr milliseconds kReadingGrace{1000};

/// A thread that misses the call to end, which a late one does, looks again after this time (docs/pitfalls.md#n16).
constexpr milliseconds kThreadIdle{100};

/// Poco's ServerSocket accepts an implementation only from a derived class.
class AdoptedServerSocket : public Poco::Net::ServerSocket {
public:
    explicit AdoptedServerSocket(Poco::Net::SocketImpl* implementation)
        : Poco::Net::ServerSocket(implementation, true) {}
};

/// The state that all requests of a server share.
struct Shared {
    milliseconds waitTimeout;
    Poco::Logger* logger;
};

/// The one handler of the server: answers the request of its socket by the call that came with it.
class GuardedHandler : public Poco::Net::HTTPRequestHandler {
public:
    GuardedHandler(const Shared& shared, std::unique_ptr<PoolRequest> request)
        : shared_(shared), request_(std::move(request)) {}

    void handleRequest(Poco::Net::HTTPServerRequest& /*request*/,
                       Poco::Net::HTTPServerResponse& /*response*/) override {
        if (PoolRequest::Clock::now() - request_->since > shared_.waitTimeout) {
            request_->responder.respond(errorResponse(503, "The server is busy", 1));
            return;
        }
        std::optional<Response> response = answerOf(request_->request, *shared_.logger, [this] {
            return request_->call(request_->request, request_->responder);
        });
        if (response) {
            request_->responder.respond(*std::move(response));
        }
    }

private:
    const Shared& shared_;
    const std::unique_ptr<PoolRequest> request_;
};

class GuardedHandlerFactory : public Poco::Net::HTTPRequestHandlerFactory {
public:
    explicit GuardedHandlerFactory(const Shared& shared) : shared_(shared) {}

    Poco::Net::HTTPRequestHandler* createRequestHandler(
        const Poco::Net::HTTPServerRequest& request) override {
        // Poco gives the socket only of a request that may be changed; it is the one that GateSocket handed out.
        auto& served = const_cast<Poco::Net::HTTPServerRequest&>(request);
        auto* const socket = static_cast<GuardedSocket*>(
            static_cast<Poco::Net::HTTPServerRequestImpl&>(served).socket().impl());
        return new GuardedHandler(shared_, socket->popRequest());
    }

private:
    const Shared& shared_;
};

Poco::Net::HTTPServerParams::Ptr parametersFor(const HttpServer::Settings& settings) {
    Poco::Net::HTTPServerParams::Ptr parameters = new Poco::Net::HTTPServerParams;
    parameters->setMaxThreads(settings.threads);
    // The gate bounds the requests; the dispatcher would drop further ones without an answer (docs/pitfalls.md#n1).
    parameters->setMaxQueued(static_cast<int>(settings.gate.caps.connections) + 1);
    parameters->setKeepAlive(false);
    parameters->setThreadIdleTime(std::chrono::microseconds(kThreadIdle).count());
    return parameters;
}

}  // namespace

/// Everything that a serving thread touches, in the order in which it must outlive the rest.
class HttpServer::Running {
public:
    Running(const Settings& settings, Front& front)
        : shared{settings.waitTimeout, &Poco::Logger::get(settings.name)},
          gate(settings.gate, front, *shared.logger),
          // A private pool (docs/pitfalls.md#n11), with room to spare: a thread is busy for a moment after the dispatcher
          // has stopped counting it, and a connection that finds the pool full would wait for the end of another one.
          pool(settings.name, 2, 2 * settings.threads + 2),
          server(new GuardedHandlerFactory(shared),
                 pool,
                 AdoptedServerSocket(new GateSocket(gate)),
                 parametersFor(settings)) {}

    const Shared shared;
    ConnectionGate gate;
    Poco::ThreadPool pool;
    Poco::Net::HTTPServer server;
    bool started = false;
};

HttpServer::HttpServer(const Settings& settings, Front& front)
    : running_(std::make_unique<Running>(settings, front)),
      port_(running_->gate.address().port()) {}

HttpServer::~HttpServer() {
    stop(milliseconds(0));
}

void HttpServer::useTls(std::shared_ptr<const TlsContext> context) {
    running_->gate.useTls(std::move(context));
}

void HttpServer::start() {
    running_->server.start();
    running_->started = true;
}

int HttpServer::stop(milliseconds grace) {
    using Clock = ConnectionGate::Clock;
    if (!running_) {
        return 0;
    }
    if (!running_->started) {
        running_.reset();
        return 0;
    }
    ConnectionGate& gate = running_->gate;
    const auto begin = Clock::now();
    const auto end = begin + grace;
    gate.drain(std::min(begin + kReadingGrace, begin + grace / 2));
    gate.waitUntilDrained(end - std::min(kWindDown, grace / 2));
    gate.abort();
    // The thread that polls the gate ends first: it empties the queue.
    running_->server.stop();
    while (gate.pooled() > 0 && Clock::now() < end) {
        std::this_thread::sleep_for(milliseconds(1));
    }
    const int left = gate.pooled();
    if (left > 0) {
        // Destroying the pool would wait for them, and they use all of this. The process is about to end.
        running_->shared.logger->warning("%d handlers are still running after the grace time",
                                         left);
        (void)running_.release();
    } else {
        running_.reset();
    }
    return left;
}

std::uint16_t HttpServer::port() const {
    return port_;
}

}  // namespace drover::api
