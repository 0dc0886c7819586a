#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/HandlerType.h"
#include "drover/PluginAbi.h"
#include "plugin/loading/PluginGeneration.h"

namespace drover {

/// A handler of a loaded plugin.
class InProcessHandler : public HandlerType {
public:
    /// `handler` is one of the generation's, checked.
    InProcessHandler(std::shared_ptr<PluginGeneration> generation, const drover_handler& handler);

    [[nodiscard]] const std::string& name() const override { return name_; }
    [[nodiscard]] const std::string& pluginVersion() const override { return pluginVersion_; }
    [[nodiscard]] const std::vector<std::string>& jobNames() const override { return jobNames_; }
    [[nodiscard]] const std::string& defaultQueue() const override { return defaultQueue_; }
    [[nodiscard]] std::uint32_t batchMax() const override { return handler_->batch_max; }
    [[nodiscard]] const std::map<std::string, std::string>& defaultOptions() const override {
        return defaultOptions_;
    }
    [[nodiscard]] std::unique_ptr<HandlerInstance> create() override;

private:
    std::shared_ptr<PluginGeneration> generation_;
    const drover_handler* handler_;
    std::string name_;
    std::string pluginVersion_;
    std::vector<std::string> jobNames_;
    std::string defaultQueue_;
    std::map<std::string, std::string> defaultOptions_;
};

}  // namespace drover
