#include "plugin/abi/InProcessHandler.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "core/Log.h"
#include "core/ProcessLocale.h"
#include "drover/AbiText.h"
#include "drover/Exceptions.h"
#include "plugin/abi/AbiJob.h"
#include "plugin/abi/DefaultOptions.h"
#include "plugin/abi/HostFunctions.h"

namespace drover {

namespace {

using abi::bytes;

/// After calls into a plugin. It may have its own locale for its own streams, by imbue().
void restoreLocale(const std::string& plugin) {
    if (restoreClassicLocale()) {
        Log("plugins").warning(
            "the plugin changed the locale of the process; it is set back. imbue() gives a stream "
            "a locale of its own",
            {.plugin = plugin});
    }
}

/// One instance on the other side of the C boundary.
class PluginInstance : public HandlerInstance {
public:
    PluginInstance(std::shared_ptr<PluginGeneration> generation,
                   const drover_handler& handler,
                   std::shared_ptr<const ConfigValues> config,
                   void* instance)
        : generation_(std::move(generation)),
          handler_(handler),
          config_(std::move(config)),
          instance_(instance) {}
    PluginInstance(const PluginInstance&) = delete;
    PluginInstance& operator=(const PluginInstance&) = delete;
    ~PluginInstance() override { handler_.destroy(instance_); }

    void process(std::span<RunningJob* const> jobs) override {
        try {
            learnConfig();
            generation_->countJobs(jobs.size());
            while (!jobs.empty()) {
                const std::size_t n = std::min<std::size_t>(jobs.size(), handler_.batch_max);
                processSome(jobs.first(n));
                jobs = jobs.subspan(n);
            }
        } catch (...) {
            // Only a lack of memory leads here. Jobs without outcome are handed back.
            complain("process");
        }
    }

    void outcomeOf(RunningJob& job) override {
        if (handler_.outcome_of == nullptr) {
            return;
        }
        try {
            RunningJob* const one = &job;
            drover_call call{std::span<RunningJob* const>(&one, 1), generation_->plugin().name};
            const drover_job view = abiJob(job.job());
            handler_.outcome_of(instance_, &call, &view);
        } catch (...) {
            complain("outcome_of");  // The effect is unknown.
        }
    }

    std::optional<std::int64_t> backoff(const ClaimedJob& job,
                                        int attemptsMade,
                                        std::string_view type,
                                        std::string_view reason) override {
        if (handler_.backoff == nullptr) {
            return std::nullopt;
        }
        const drover_job view = abiJob(job);
        const std::int64_t ms =
            handler_.backoff(instance_, &view, attemptsMade, bytes(type), bytes(reason));
        return ms < 0 ? -1 : ms;
    }

private:
    void processSome(std::span<RunningJob* const> jobs) {
        jobs_.clear();
        pointers_.clear();
        jobs_.reserve(jobs.size());  // The pointers below must not move.
        for (const RunningJob* job : jobs) {
            pointers_.push_back(&jobs_.emplace_back(abiJob(job->job())));
        }
        drover_call call{jobs, generation_->plugin().name};
        handler_.process(
            instance_, &call, pointers_.data(), static_cast<std::uint32_t>(pointers_.size()));
        restoreLocale(generation_->plugin().name);
    }

    void learnConfig() {
        if (handler_.configure == nullptr) {
            return;
        }
        if (auto current = generation_->config(); current != config_) {
            config_ = std::move(current);
            handler_.configure(instance_, config_->view());
        }
    }

    void complain(const char* operation) const noexcept {
        try {
            Log("plugin").error(
                "handler " + std::string(handler_.name) + ": " + operation + " could not be called",
                {.plugin = generation_->plugin().name});
        } catch (...) {
            // A log that cannot be written must not become an exception in the worker.
        }
    }

    std::shared_ptr<PluginGeneration> generation_;
    const drover_handler& handler_;
    std::shared_ptr<const ConfigValues> config_;
    void* instance_;
    std::vector<drover_job> jobs_;
    std::vector<const drover_job*> pointers_;
};

}  // namespace

InProcessHandler::InProcessHandler(std::shared_ptr<PluginGeneration> generation,
                                   const drover_handler& handler)
    : generation_(std::move(generation)),
      handler_(&handler),
      name_(generation_->plugin().name + "/" + handler.name),
      pluginVersion_(generation_->plugin().name + " " + generation_->plugin().version),
      jobNames_(handler.job_names, handler.job_names + handler.job_name_count),
      defaultQueue_(handler.default_queue) {
    if (handler.default_options != nullptr) {
        defaultOptions_ = parseDefaultOptions(handler.default_options);
    }
}

std::unique_ptr<HandlerInstance> InProcessHandler::create() {
    std::shared_ptr<const ConfigValues> config = generation_->config();
    abi::ErrorText error;
    void* const instance =
        handler_->create(&hostApi(), config->view(), &abi::ErrorText::receive, &error);
    restoreLocale(generation_->plugin().name);
    if (instance == nullptr) {
        throw PluginException(generation_->plugin().path + ": the handler " + name_ +
                              " cannot be made: " + error.text());
    }
    return std::make_unique<PluginInstance>(generation_, *handler_, std::move(config), instance);
}

}  // namespace drover
