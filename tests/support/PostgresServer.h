#pragma once

#include <string>

#include "support/ServerProcess.h"

namespace drover::test {

/// A private PostgreSQL cluster on a free loopback port, without a password, timezone UTC.
/// As root it runs as the user `postgres`, since initdb refuses to run as root.
class PostgresServer {
public:
    /// Throws MissingService if PostgreSQL 15's programs are not installed.
    PostgresServer();
    ~PostgresServer();

    [[nodiscard]] int port() const { return port_; }
    /// "postgresql://postgres@127.0.0.1:PORT/DATABASE".
    [[nodiscard]] std::string url(const std::string& database = "postgres") const;
    void start();
    /// SIGINT is PostgreSQL's fast shutdown, SIGQUIT the immediate one (as a crash).
    void stop(int signal = 2);

    /// One cluster per test executable, started on first use.
    static PostgresServer& shared();

private:
    int port_;
    std::string folder_;
    std::string user_;
    std::string programs_;
    ServerProcess process_;
};

}  // namespace drover::test
