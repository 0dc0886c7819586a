#include "support/Sentinels.h"

#include <fstream>

#include "support/Await.h"
#include "support/InlineCommand.h"
#include "support/RedisServer.h"

namespace drover::test {

Sentinels::Sentinels(int masterPort, int downAfterMs, const TestCertificate* certificate) {
    for (int i = 0; i < 3; ++i) {
        Sentinel& sentinel = *all_.emplace_back(std::make_unique<Sentinel>());
        sentinel.plainPort = freePort();
        sentinel.port = certificate != nullptr ? freePort() : sentinel.plainPort;
        sentinel.folder = makeTempFolder("drover-sentinel-");
        const std::string file = sentinel.folder + "/sentinel.conf";
        const std::string name = std::string(" ") + kMaster + " ";
        std::ofstream(file) << "port " << sentinel.plainPort << "\nbind 127.0.0.1\ndir "
                            << sentinel.folder << "\n"
                            << "sentinel monitor" << name << "127.0.0.1 " << masterPort
                            << " 2\nsentinel down-after-milliseconds" << name << downAfterMs
                            << "\nsentinel failover-timeout" << name
                            << "2000\nsentinel parallel-syncs" << name << "1\n";
        std::vector<std::string> arguments = {findProgram("redis-server"), file, "--sentinel"};
        if (certificate != nullptr) {
            const std::vector<std::string> tls = tlsArguments(sentinel.port, *certificate);
            arguments.insert(arguments.end(), tls.begin(), tls.end());
            arguments.insert(arguments.end(), {"--tls-replication", "yes"});
        }
        sentinel.process.start(arguments, sentinel.folder + "/log");
    }
    for (const int port : running()) {
        await("a sentinel names the master", [&] {
            return has(askInline(port, std::string("SENTINEL GET-MASTER-ADDR-BY-NAME ") + kMaster),
                       std::to_string(masterPort));
        });
    }
}

Sentinels::~Sentinels() {
    for (const auto& sentinel : all_) {
        sentinel->process.stop(9);
        removeTree(sentinel->folder);
    }
}

std::vector<int> Sentinels::ports() const {
    std::vector<int> ports;
    for (const auto& sentinel : all_) {
        ports.push_back(sentinel->port);
    }
    return ports;
}

std::vector<int> Sentinels::running() const {
    std::vector<int> ports;
    for (const auto& sentinel : all_) {
        if (sentinel->process.running()) {
            ports.push_back(sentinel->plainPort);
        }
    }
    return ports;
}

}  // namespace drover::test
