#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "core/HandlerType.h"
#include "drover/Exceptions.h"

namespace drover::test {

/// A handler whose behaviour is a function of the test; records the batches that it got.
class FakeHandler : public HandlerType {
public:
    using Behaviour = std::function<void(std::span<RunningJob* const>)>;

    explicit FakeHandler(Behaviour behaviour,
                         std::vector<std::string> jobNames = {},
                         std::uint32_t batchMax = 64)
        : behaviour_(std::move(behaviour)), jobNames_(std::move(jobNames)), batchMax_(batchMax) {}

    [[nodiscard]] const std::string& name() const override { return name_; }
    [[nodiscard]] const std::string& pluginVersion() const override { return version_; }
    [[nodiscard]] const std::vector<std::string>& jobNames() const override { return jobNames_; }
    [[nodiscard]] const std::string& defaultQueue() const override { return queue_; }
    [[nodiscard]] std::uint32_t batchMax() const override { return batchMax_; }
    [[nodiscard]] const std::map<std::string, std::string>& defaultOptions() const override {
        return options_;
    }
    [[nodiscard]] std::unique_ptr<HandlerInstance> create() override {
        if (refuses) {
            throw PluginException("fake/handler refuses");
        }
        return std::make_unique<Instance>(*this);
    }

    bool refuses = false;  ///< Makes no instance.
    /// Instances that exist.
    [[nodiscard]] int instances() const { return instances_; }
    /// How many jobs were handed over, and the sizes of the batches.
    [[nodiscard]] std::size_t seen() const { return seen_; }
    [[nodiscard]] std::vector<std::size_t> batches() const {
        const std::lock_guard lock(mutex_);
        return batches_;
    }

    std::function<void(RunningJob&)> outcomeOf;
    std::function<std::optional<std::int64_t>(int attemptsMade)> backoff;

private:
    class Instance : public HandlerInstance {
    public:
        explicit Instance(FakeHandler& owner) : owner_(owner) { ++owner_.instances_; }
        ~Instance() override { --owner_.instances_; }
        Instance(const Instance&) = delete;
        Instance& operator=(const Instance&) = delete;
        void process(std::span<RunningJob* const> jobs) override {
            {
                const std::lock_guard lock(owner_.mutex_);
                owner_.batches_.push_back(jobs.size());
            }
            owner_.seen_ += jobs.size();
            owner_.behaviour_(jobs);
        }
        void outcomeOf(RunningJob& job) override {
            if (owner_.outcomeOf) {
                owner_.outcomeOf(job);
            }
        }
        std::optional<std::int64_t> backoff(const ClaimedJob& /*job*/,
                                            int attemptsMade,
                                            std::string_view /*type*/,
                                            std::string_view /*reason*/) override {
            return owner_.backoff ? owner_.backoff(attemptsMade) : std::nullopt;
        }

    private:
        FakeHandler& owner_;
    };

    const Behaviour behaviour_;
    const std::vector<std::string> jobNames_;
    const std::uint32_t batchMax_;
    const std::string name_ = "fake/handler";
    const std::string version_ = "fake 1.0.0";
    const std::string queue_ = "fake";
    const std::map<std::string, std::string> options_;
    std::atomic<std::size_t> seen_{0};
    std::atomic<int> instances_{0};
    mutable std::mutex mutex_;
    std::vector<std::size_t> batches_;
};

}  // namespace drover::test
