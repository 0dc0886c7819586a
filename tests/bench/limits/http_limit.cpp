// An answer of nothing from Poco's HTTPServer: the limit of an HTTP front built on it. http_limit PORT; ends by TERM.
#include <csignal>
#include <cstdlib>
#include <iostream>

#include <Poco/Net/HTTPRequestHandler.h>
#include <Poco/Net/HTTPRequestHandlerFactory.h>
#include <Poco/Net/HTTPServer.h>
#include <Poco/Net/HTTPServerParams.h>
#include <Poco/Net/HTTPServerRequest.h>
#include <Poco/Net/HTTPServerResponse.h>
#include <Poco/Net/ServerSocket.h>
#include <Poco/ThreadPool.h>

namespace {

using namespace Poco::Net;

class Empty : public HTTPRequestHandler {
public:
    void handleRequest(HTTPServerRequest&, HTTPServerResponse& response) override {
        response.setKeepAlive(true);
        response.sendBuffer("", 0);
    }
};

class Factory : public HTTPRequestHandlerFactory {
public:
    HTTPRequestHandler* createRequestHandler(const HTTPServerRequest&) override {
        return new Empty;
    }
};

}  // namespace

int main(int argc, char** argv) {
    if (argc != 2) {
        std::cerr << "usage: http_limit PORT\n";
        return 64;
    }
    sigset_t ends;
    sigemptyset(&ends);
    sigaddset(&ends, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &ends, nullptr);  // Before the first thread, which inherits it.
    HTTPServerParams::Ptr params = new HTTPServerParams;
    params->setMaxThreads(64);
    params->setMaxKeepAliveRequests(0);
    Poco::ThreadPool pool(2, 64);
    HTTPServer server(
        new Factory,
        pool,
        ServerSocket(SocketAddress("127.0.0.1", static_cast<Poco::UInt16>(std::atoi(argv[1])))),
        params);
    server.start();
    int number = 0;
    sigwait(&ends, &number);
    server.stopAll(true);
    return 0;
}
