#include "support/PgBouncer.h"

#include <chrono>
#include <csignal>
#include <fstream>
#include <unistd.h>

#include "support/PostgresServer.h"

namespace drover::test {

PgBouncer::PgBouncer(const std::string& settings)
    : port_(freePort()),
      program_(findProgram("pgbouncer", {"/usr/sbin"})),
      folder_(makeTempFolder("drover-pgbouncer-")) {
    std::ofstream(folder_ + "/users") << "\"postgres\" \"\"\n";
    std::ofstream(folder_ + "/ini")
        << "[databases]\n* = host=127.0.0.1 port=" << PostgresServer::shared().port()
        << "\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = " << port_
        << "\nunix_socket_dir =\nauth_type = trust\nauth_file = " << folder_
        << "/users\npool_mode = transaction\ndefault_pool_size = 4\n"
        // The server connection that rested longest is next: never the same twice.
        << "server_round_robin = 1\n"
        << settings << "\n";
    start();
}

void PgBouncer::kill() {
    process_.stop(SIGKILL);
}

void PgBouncer::start() {
    // As root it refuses to run.
    process_.start({program_, folder_ + "/ini"}, folder_ + "/log", getuid() == 0 ? "postgres" : "");
    process_.waitUntil([this] { return accepts(port_); }, std::chrono::seconds(30));
}

PgBouncer::~PgBouncer() {
    process_.stop(SIGINT);
    removeTree(folder_);
}

std::string PgBouncer::url() const {
    return "postgresql://postgres@127.0.0.1:" + std::to_string(port_) + "/postgres";
}

}  // namespace drover::test
