#include "drover/Redis.h"

#include <algorithm>
#include <string_view>

#include <Poco/Exception.h>

#include "redis/RedisShared.h"

namespace drover {

namespace {

void require(bool right, const std::string& what) {
    if (!right) {
        throw Poco::InvalidArgumentException("redis: " + what);
    }
}

void requireAddress(const Redis::Address& address) {
    require(!address.host.empty(), "the host must not be empty");
    require(address.port >= 1 && address.port <= 65535,
            "the port must be in [1, 65535], not " + std::to_string(address.port));
}

}  // namespace

Redis::Redis(const Settings& settings) {
    requireAddress({settings.host, settings.port});
    require(settings.database >= 0,
            "the database must not be negative, and is " + std::to_string(settings.database));
    require(settings.connectTimeout.count() >= 1 && settings.commandTimeout.count() >= 1,
            "a timeout must be at least 1 ms");
    require(!settings.tls || settings.tls->certificate.empty() == settings.tls->key.empty(),
            "certificate and key of TLS belong together");
    if (settings.sentinel) {
        require(!settings.sentinel->addresses.empty() && !settings.sentinel->master.empty(),
                "sentinels need an address and the name of the master");
        require(settings.cluster.empty(), "a cluster has no sentinels");
        for (const Address& address : settings.sentinel->addresses) {
            requireAddress(address);
        }
    }
    for (const Address& address : settings.cluster) {
        requireAddress(address);
        require(settings.database == 0, "a cluster has database 0 only");
    }
    shared_ = std::make_shared<Shared>(RedisOptions(settings));
}

const std::shared_ptr<Tracer>& Redis::tracer() const {
    return shared_->options().tracer;
}

std::map<std::string, std::string> Redis::info() const {
    const Reply reply = (*shared_->lease()).call(Command{"INFO"});
    std::map<std::string, std::string> fields;
    std::string_view lines = reply.text();
    while (!lines.empty()) {
        std::string_view line = lines.substr(0, std::min(lines.find('\n'), lines.size()));
        lines.remove_prefix(std::min(line.size() + 1, lines.size()));
        if (!line.empty() && line.back() == '\r') {
            line.remove_suffix(1);
        }
        const auto colon = line.find(':');
        if (colon != std::string_view::npos) {
            fields.emplace(line.substr(0, colon), line.substr(colon + 1));
        }
    }
    return fields;
}

}  // namespace drover
