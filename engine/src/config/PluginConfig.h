#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "config/Configuration.h"
#include "drover/Service.h"

namespace drover {

/// The configuration of one service: its own keys by their short names, and the shared keys by their whole ones. Keys that
/// it did not declare are not there. `config` must outlive it.
class PluginConfig : public ServiceConfig {
public:
    PluginConfig(const Configuration& config, const ServiceDescriptor& descriptor);

    [[nodiscard]] std::string text(const std::string& key) const override;
    [[nodiscard]] std::int64_t integer(const std::string& key) const override;
    [[nodiscard]] bool boolean(const std::string& key) const override;
    [[nodiscard]] bool has(const std::string& key) const override;
    [[nodiscard]] std::vector<std::pair<std::string, std::string>> below(
        const std::string& prefix) const override;
    [[nodiscard]] std::string origin(const std::string& key) const override;

private:
    /// Returns the whole key. Throws Poco::NotFoundException if the service did not declare `key`.
    [[nodiscard]] std::string whole(const std::string& key) const;

    const Configuration& config_;
    std::string name_;
    std::map<std::string, std::string> keys_;  ///< Declared name to whole key.
};

}  // namespace drover
