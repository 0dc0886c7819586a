#include "http/HttpServer.h"

#include <algorithm>
#include <locale>
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

#include "http/ContentEncoding.h"
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

/// Poco's ServerSocket accepts an implementation only from a derived class.
class AdoptedServerSocket : public Poco::Net::ServerSocket {
public:
    explicit AdoptedServerSocket(Poco::Net::SocketImpl* implementation)
        : Poco::Net::ServerSocket(implementation, true) {}
};

/// The state that all requests of a server share.
struct Shared {
    Answerer answerer;
    milliseconds waitTimeout;
    Poco::Logger* logger;
};

/// The one handler of the server. Turns each exception of the Answerer into an answer (docs/pitfalls.md#n8).
class GuardedHandler : public Poco::Net::HTTPRequestHandler {
public:
    GuardedHandler(const Shared& shared, const GuardedSocket& socket)
        : shared_(shared), socket_(socket) {}

    void handleRequest(Poco::Net::HTTPServerRequest& /*request*/,
                       Poco::Net::HTTPServerResponse& out) override {
        const RequestReader& reader = socket_.request();
        HttpRequest request{reader.head().method,
                            reader.head().target,
                            reader.head().contentType,
                            reader.body(),
                            reader.head().hasLength,
                            socket_.peer().host().toString()};
        Response response = answer(request);
        const auto sendable = [](const auto& header) {
            return isSendableHeader(header.first, header.second);
        };
        if (!isSendableHeader("Content-Type", response.contentType) ||
            !std::all_of(response.headers.begin(), response.headers.end(), sendable)) {
            shared_.logger->error(
                "%s %s: a header of the answer has a control character or a bad name",
                std::string(request.method),
                std::string(request.target));
            response = errorResponse(500, "Internal server error");
        }
        // The library formats the status by the locale of new streams, which a handler may have changed.
        if (std::locale() != std::locale::classic()) {
            std::locale::global(std::locale::classic());
        }
        out.setStatusAndReason(static_cast<Poco::Net::HTTPResponse::HTTPStatus>(response.status),
                               reasonPhrase(response.status));
        out.set("Content-Type", response.contentType);
        out.set("X-Content-Type-Options", "nosniff");
        for (const auto& [name, value] : response.headers) {
            out.set(name, value);
        }
        out.setKeepAlive(reader.head().keepAlive && !socket_.draining());
        out.sendBuffer(response.body.data(), response.body.size());
    }

private:
    [[nodiscard]] Response answer(HttpRequest& request) const {
        if (socket_.waited() > shared_.waitTimeout) {
            return errorResponse(503, "The server is busy", 1);
        }
        std::string what;
        try {
            const RequestReader& reader = socket_.request();
            std::string decoded;
            if (!reader.head().contentEncoding.empty() && !request.body.empty()) {
                decoded = decodedBody(
                    request.body, reader.head().contentEncoding, reader.limits().maxBodyBytes);
                request.body = decoded;
            }
            return shared_.answerer(request);
        } catch (const HttpError& error) {
            return errorResponse(error.status(), error.what(), error.retryAfterSeconds());
        } catch (const Poco::Exception& error) {
            what = error.displayText();
        } catch (const std::exception& error) {
            what = error.what();
        } catch (...) {
            what = "something that is not an exception class";
        }
        shared_.logger->error(
            "%s %s threw: %s", std::string(request.method), std::string(request.target), what);
        return errorResponse(500, "Internal server error");
    }

    const Shared& shared_;
    const GuardedSocket& socket_;
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
        return new GuardedHandler(shared_, *socket);
    }

private:
    const Shared& shared_;
};

Poco::Net::HTTPServerParams::Ptr parametersFor(const HttpServer::Settings& settings) {
    Poco::Net::HTTPServerParams::Ptr parameters = new Poco::Net::HTTPServerParams;
    parameters->setMaxThreads(settings.threads);
    // The gate bounds the connections; the dispatcher would drop further ones without an answer (docs/pitfalls.md#n1).
    parameters->setMaxQueued(static_cast<int>(settings.gate.maxConnections) + 1);
    parameters->setKeepAlive(true);
    parameters->setMaxKeepAliveRequests(0);
    return parameters;
}

}  // namespace

/// Everything that a serving thread touches, in the order in which it must outlive the rest.
class HttpServer::Running {
public:
    Running(const Settings& settings, Answerer answerer)
        : gate(settings.gate),
          shared{std::move(answerer), settings.waitTimeout, &Poco::Logger::get(settings.name)},
          // A private pool (docs/pitfalls.md#n11), with room to spare: a thread is busy for a moment after the dispatcher
          // has stopped counting it, and a connection that finds the pool full would wait for the end of another one.
          pool(settings.name, 2, 2 * settings.threads + 2),
          server(new GuardedHandlerFactory(shared),
                 pool,
                 AdoptedServerSocket(new GateSocket(gate)),
                 parametersFor(settings)) {}

    ConnectionGate gate;
    const Shared shared;
    Poco::ThreadPool pool;
    Poco::Net::HTTPServer server;
    bool started = false;
};

HttpServer::HttpServer(const Settings& settings, Answerer answerer)
    : running_(std::make_unique<Running>(settings, std::move(answerer))),
      port_(running_->gate.address().port()) {}

HttpServer::~HttpServer() {
    stop(milliseconds(0));
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
    while (gate.serving() > 0 && Clock::now() < end) {
        std::this_thread::sleep_for(milliseconds(1));
    }
    const int left = gate.serving();
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
