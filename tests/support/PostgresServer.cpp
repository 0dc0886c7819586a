#include "support/PostgresServer.h"

#include <chrono>
#include <fstream>
#include <signal.h>
#include <stdexcept>
#include <sys/wait.h>
#include <unistd.h>

namespace drover::test {

namespace {

const char* const kPrograms = "/usr/lib/postgresql/15/bin";

}  // namespace

PostgresServer::PostgresServer() : port_(freePort()), user_(getuid() == 0 ? "postgres" : "") {
    const std::string initdb = findProgram("initdb", {kPrograms});
    programs_ = initdb.substr(0, initdb.rfind('/'));
    folder_ = makeTempFolder("drover-pg-");
    ServerProcess init;
    init.start({initdb,
                "-D",
                folder_ + "/data",
                "-U",
                "postgres",
                "-A",
                "trust",
                "-E",
                "UTF8",
                "--locale=C.UTF-8",
                "--no-sync"},
               folder_ + "/log",
               user_);
    while (init.running()) {
        usleep(20000);
    }
    if (init.stop(0) != 0) {
        throw std::runtime_error("initdb failed, see " + folder_ + "/log");
    }
    start();
}

PostgresServer::~PostgresServer() {
    stop();
    removeTree(folder_);
}

std::string PostgresServer::url(const std::string& database, int port) {
    return "postgresql://postgres@127.0.0.1:" + std::to_string(port) + "/" + database;
}

void PostgresServer::signalAll(int number) const {
    // Backends are sessions of their own: found as the postmaster's children.
    const std::string pid = std::to_string(process_.pid());
    std::ifstream children("/proc/" + pid + "/task/" + pid + "/children");
    for (pid_t child = 0; children >> child;) {
        kill(child, number);
    }
    process_.signal(number);
}

void PostgresServer::start() {
    process_.start({programs_ + "/postgres",
                    "-D",
                    folder_ + "/data",
                    "-h",
                    "127.0.0.1",
                    "-p",
                    std::to_string(port_),
                    "-k",
                    folder_,
                    "-c",
                    "timezone=UTC",
                    "-c",
                    "fsync=off",
                    "-c",
                    "max_connections=200"},
                   folder_ + "/log",
                   user_);
    const std::string check = programs_ + "/pg_isready -q -h 127.0.0.1 -p " + std::to_string(port_);
    process_.waitUntil([&check] { return std::system(check.c_str()) == 0; },
                       std::chrono::seconds(30));
}

void PostgresServer::stop(int signal) {
    process_.stop(signal);
}

PostgresServer& PostgresServer::shared() {
    static PostgresServer server;
    return server;
}

}  // namespace drover::test
