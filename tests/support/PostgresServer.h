#pragma once

#include <memory>
#include <string>
#include <vector>

#include "support/ServerProcess.h"

namespace drover::test {

class TestCertificate;

/// A private PostgreSQL cluster on a free loopback port, without a password, timezone UTC.
/// As root it runs as the user `postgres`, since initdb refuses to run as root.
class PostgresServer {
public:
    /// With a certificate it also accepts TLS, and clients of the host lines in `access` (of pg_hba.conf) before all others.
    /// Throws MissingService if PostgreSQL 15's programs are not installed.
    explicit PostgresServer(const TestCertificate* certificate = nullptr,
                            const std::string& access = "");
    ~PostgresServer();

    [[nodiscard]] int port() const { return port_; }
    /// "postgresql://postgres@127.0.0.1:PORT/DATABASE".
    [[nodiscard]] std::string url(const std::string& database = "postgres") const {
        return url(database, port_);
    }
    /// The same through a proxy on `port`; `secondPort`: another host of the URL, 0: none.
    [[nodiscard]] static std::string url(const std::string& database, int port, int secondPort = 0);
    void start();
    /// SIGINT is PostgreSQL's fast shutdown, SIGQUIT the immediate one (as a crash).
    void stop(int signal = 2);
    /// Starts a standby, which answers reads; from now on each commit here waits until the standby has it.
    [[nodiscard]] std::unique_ptr<PostgresServer> makeStandby();
    /// Makes a standby accept writes; returns when it does.
    void promote();
    /// A copy of the cluster as it is now, made by pg_basebackup while the server works.
    struct Backup {
        std::string folder;
    };
    [[nodiscard]] Backup backUp();
    /// Ended as by a crash, and started with an older copy: what was committed later is gone, and ids are drawn again.
    void rewind(const Backup& backup);
    /// The text of a database as statements, made by pg_dump: dropped if they exist, created, filled.
    [[nodiscard]] std::string dump(const std::string& database);
    /// Lets clients in without a password (true, as initdb set it up), or requires one that no role has.
    void trustClients(bool trust);
    /// SIGSTOP and SIGCONT for the server and its backends: it accepts and never answers.
    void freeze() { signalAll(19); }
    void thaw() { signalAll(18); }

    /// One cluster per test executable, started on first use.
    static PostgresServer& shared();

private:
    struct Standby {};
    PostgresServer(Standby kind, const PostgresServer& primary);

    /// Writes the settings that ALTER SYSTEM would write.
    void alterSystem(const std::string& settings) const;
    void signalAll(int number) const;
    /// Runs one of the cluster's programs as its user; throws std::runtime_error if it fails.
    void runProgram(const std::vector<std::string>& command);
    /// A file of the cluster's, which belongs to the cluster's user.
    void copyIntoData(const std::string& from, const std::string& name) const;

    int port_;
    std::string folder_;
    std::string user_;
    std::string programs_;
    int backups_ = 0;
    bool awaitsStandby_ = false;
    ServerProcess process_;
};

}  // namespace drover::test
