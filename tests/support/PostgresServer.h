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
    [[nodiscard]] std::string url(const std::string& database = "postgres") const {
        return url(database, port_);
    }
    /// The same through a proxy on `port`.
    [[nodiscard]] static std::string url(const std::string& database, int port);
    void start();
    /// SIGINT is PostgreSQL's fast shutdown, SIGQUIT the immediate one (as a crash).
    void stop(int signal = 2);
    /// SIGSTOP and SIGCONT for the server and its backends: it accepts and never answers.
    void freeze() { signalAll(19); }
    void thaw() { signalAll(18); }

    /// One cluster per test executable, started on first use.
    static PostgresServer& shared();

private:
    void signalAll(int number) const;

    int port_;
    std::string folder_;
    std::string user_;
    std::string programs_;
    ServerProcess process_;
};

}  // namespace drover::test
