#pragma once

#include <memory>
#include <string>
#include <thread>

#include "core/HandlerType.h"
#include "drover/PluginAbi.h"
#include "plugin/abi/InProcessHandler.h"
#include "plugin/isolation/IsolatedProcess.h"
#include "plugin/loading/PluginGeneration.h"

namespace drover {

/// A handler of a loaded plugin whose instances live in processes of their own, one each.
///
/// A process that dies while it has one job costs that job an attempt, with how it ended as the reason. In a batch,
/// those with an outcome retain it; the rest run again, each alone, so that only the job at fault fails. A process is
/// started again when the next job comes, after a wait that doubles with every death in a row. If the start fails, the
/// jobs are Unavailable, which costs no attempt.
class IsolatedHandler : public HandlerType, public std::enable_shared_from_this<IsolatedHandler> {
public:
    /// `handler` is one of the generation's, checked. Throws PluginException if the process has no descriptor left.
    IsolatedHandler(std::shared_ptr<PluginGeneration> generation,
                    const drover_handler& handler,
                    ProcessIsolation isolation);
    ~IsolatedHandler() override;
    IsolatedHandler(const IsolatedHandler&) = delete;
    IsolatedHandler& operator=(const IsolatedHandler&) = delete;

    [[nodiscard]] const std::string& name() const override { return described_.name(); }
    [[nodiscard]] const std::string& pluginVersion() const override {
        return described_.pluginVersion();
    }
    [[nodiscard]] const std::vector<std::string>& jobNames() const override {
        return described_.jobNames();
    }
    [[nodiscard]] const std::string& defaultQueue() const override {
        return described_.defaultQueue();
    }
    [[nodiscard]] std::uint32_t batchMax() const override { return described_.batchMax(); }
    [[nodiscard]] const std::map<std::string, std::string>& defaultOptions() const override {
        return described_.defaultOptions();
    }
    /// Starts a process.
    [[nodiscard]] std::unique_ptr<HandlerInstance> create() override;

private:
    friend class ProcessInstance;

    void forwardLog();
    /// Logs whole lines that the processes printed; `all`: a last line without an end as well.
    void logOutput(std::string& text, bool all) const;

    const std::shared_ptr<PluginGeneration> generation_;
    const drover_handler& handler_;
    const ProcessIsolation isolation_;
    const InProcessHandler described_;
    Descriptor logEnd_;    ///< Where the processes' log lines arrive.
    Descriptor logBegin_;  ///< The end that they inherit.
    Descriptor
        outputEnd_;  ///< Where their printed text arrives, which would otherwise wait for a reader of the engine,
    Descriptor outputBegin_;  ///< and their standard output and error.
    std::thread logThread_;
};

}  // namespace drover
