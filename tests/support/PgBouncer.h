#pragma once

#include <string>

#include "support/ServerProcess.h"

namespace drover::test {

/// A PgBouncer on a free loopback port before PostgresServer::shared(), with pool_mode = transaction and several server
/// connections: consecutive transactions of one client run on different ones.
class PgBouncer {
public:
    /// `settings`: further lines of its section [pgbouncer]. Throws MissingService if pgbouncer is not installed.
    explicit PgBouncer(const std::string& settings = "");
    ~PgBouncer();
    PgBouncer(const PgBouncer&) = delete;
    PgBouncer& operator=(const PgBouncer&) = delete;

    /// "postgresql://postgres@127.0.0.1:PORT/postgres".
    [[nodiscard]] std::string url() const;
    [[nodiscard]] int port() const { return port_; }
    /// SIGKILL: clients lose their connections and its servers theirs. Returns when it is dead.
    void kill();
    /// Starts it again, on the same port.
    void start();

private:
    int port_;
    std::string program_;
    std::string folder_;
    ServerProcess process_;
};

}  // namespace drover::test
