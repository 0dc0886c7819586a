#pragma once

#include <memory>
#include <string>
#include <vector>

#include "support/ServerProcess.h"

namespace drover::test {

/// A private redis-server on a free loopback port. AOF on (everysec), so that a restart keeps its data.
class RedisServer {
public:
    /// Throws MissingService if redis-server is not installed. `extra`: more arguments ("--requirepass", "x").
    explicit RedisServer(const std::vector<std::string>& extra = {});
    ~RedisServer();

    [[nodiscard]] int port() const { return port_; }
    /// Starts (again) on the same port with the same data; returns when it answers.
    void start();
    /// SIGTERM by default; SIGKILL loses what was not yet in the AOF.
    void stop(int signal = 15);
    /// SIGSTOP and SIGCONT: a server that accepts and never answers.
    void freeze() { process_.signal(19); }
    void thaw() { process_.signal(18); }

    /// One server per test executable, started on first use.
    static RedisServer& shared();

private:
    int port_;
    std::string folder_;
    std::vector<std::string> args_;
    ServerProcess process_;
};

}  // namespace drover::test
