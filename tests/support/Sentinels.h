#pragma once

#include <memory>
#include <string>
#include <vector>

#include "support/ServerProcess.h"

namespace drover::test {

class TestCertificate;

/// Three sentinels on loopback that watch a master and demand two votes for a failover.
class Sentinels {
public:
    /// The name of the master at the sentinels.
    static constexpr const char* kMaster = "mymaster";

    /// Starts them and waits until each names the master. `certificate`: they speak TLS with each other, with the master, and
    /// with their clients.
    Sentinels(int masterPort, int downAfterMs, const TestCertificate* certificate = nullptr);
    ~Sentinels();
    Sentinels(const Sentinels&) = delete;
    Sentinels& operator=(const Sentinels&) = delete;

    /// Returns the ports for clients: for TLS, if the sentinels speak it.
    [[nodiscard]] std::vector<int> ports() const;
    /// Returns the ports without TLS of those that run.
    [[nodiscard]] std::vector<int> running() const;
    /// Ends a sentinel, by its number in [0, 3).
    void stop(int number) { all_[static_cast<std::size_t>(number)]->process.stop(9); }

private:
    struct Sentinel {
        int plainPort;
        int port;
        std::string folder;
        ServerProcess process;
    };
    std::vector<std::unique_ptr<Sentinel>> all_;
};

}  // namespace drover::test
