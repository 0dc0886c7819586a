#pragma once

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "drover/AbiText.h"
#include "drover/Json.h"
#include "drover/NodeNumber.h"
#include "drover/PluginAbi.h"
#include "drover/testing/Config.h"
#include "drover/testing/Host.h"
#include "drover/testing/Job.h"

namespace drover::testing {

/// One instance of a handler.
/// Threads: as in the engine, one at a time.
class Instance {
public:
    Instance(const Instance&) = delete;
    Instance& operator=(const Instance&) = delete;
    ~Instance() { handler_.destroy(instance_); }

    /// Runs one job. Throws std::logic_error if the handler does not serve its name, or if it has an outcome already:
    /// another attempt is another Job.
    void run(Job& job) { run(std::span<Job>(&job, 1)); }
    /// Runs several jobs, as many at once as the handler accepts.
    void run(std::span<Job> jobs) {
        for (Job& job : jobs) {
            prepare(*job.state_);
        }
        for (std::size_t from = 0; from < jobs.size(); from += handler_.batch_max) {
            const std::size_t n = std::min<std::size_t>(handler_.batch_max, jobs.size() - from);
            detail::Host::Call call{plugin_.name};
            std::vector<drover_job> views;
            for (Job& job : jobs.subspan(from, n)) {
                call.jobs.push_back(job.state_.get());
                views.push_back(viewOf(job.state_->fields));
            }
            std::vector<const drover_job*> pointers;
            pointers.reserve(n);
            for (const drover_job& view : views) {
                pointers.push_back(&view);
            }
            handler_.process(
                instance_, call.opaque(), pointers.data(), static_cast<std::uint32_t>(n));
        }
    }

    /// Calls the handler's outcomeOf(), as the engine does before it fails a job for stalling too often. The job has the
    /// returned outcome afterwards; none if the handler returned none, or has no outcomeOf().
    void outcomeOf(Job& job) {
        prepare(*job.state_);
        if (handler_.outcome_of != nullptr) {
            detail::Host::Call call{plugin_.name, {job.state_.get()}};
            const drover_job view = viewOf(job.state_->fields);
            handler_.outcome_of(instance_, call.opaque(), &view);
        }
    }

    /// The handler's own backoff after `attemptsMade` failed attempts (counted from 1); std::nullopt: it fails for good.
    /// Throws std::logic_error if the handler offers none.
    [[nodiscard]] std::optional<std::chrono::milliseconds> backoff(Job& job,
                                                                   int attemptsMade,
                                                                   std::string_view type,
                                                                   std::string_view reason = {}) {
        if (handler_.backoff == nullptr) {
            throw std::logic_error(std::string("the handler ") + handler_.name +
                                   " has no backoff of its own");
        }
        prepare(*job.state_);
        const drover_job view = viewOf(job.state_->fields);
        const std::int64_t ms =
            handler_.backoff(instance_, &view, attemptsMade, abi::bytes(type), abi::bytes(reason));
        return ms < 0 ? std::nullopt : std::optional(std::chrono::milliseconds(ms));
    }

    /// Reloads: these keys get new values, all other keys retain their values. Throws std::invalid_argument for a
    /// value that does not fit and for a key that is not reloadable.
    void configure(const std::map<std::string, std::string>& changed) {
        auto values = config_->given();
        for (std::uint32_t i = 0; i < plugin_.config_key_count; ++i) {
            const drover_config_key& key = *plugin_.config_keys[i];
            if (changed.count(key.name) != 0 && (key.flags & DROVER_CONFIG_RELOADABLE) == 0) {
                throw std::invalid_argument(std::string("the configuration key ") + key.name +
                                            " is not reloadable");
            }
        }
        for (const auto& [name, value] : changed) {
            values[name] = value;
        }
        config_ = std::make_shared<const detail::Config>(plugin_, std::move(values));
        if (handler_.configure != nullptr) {
            handler_.configure(instance_, config_->view());
        }
    }

private:
    friend class Plugin;

    Instance(const drover_plugin_descriptor& plugin,
             const drover_handler& handler,
             std::shared_ptr<const detail::Config> config)
        : plugin_(plugin), handler_(handler), config_(std::move(config)) {
        abi::ErrorText reason;
        instance_ = handler_.create(
            &detail::Host::api(), config_->view(), &abi::ErrorText::receive, &reason);
        if (instance_ == nullptr) {
            throw std::runtime_error(std::string("the handler ") + handler_.name +
                                     " cannot be made: " + reason.text());
        }
    }

    /// Fills in what the job's author left to the handler.
    void prepare(detail::JobState& job) const {
        const std::vector<std::string> served(handler_.job_names,
                                              handler_.job_names + handler_.job_name_count);
        JobFields& fields = job.fields;
        if (fields.name.empty() && !served.empty()) {
            fields.name = served.front();
        }
        if (!served.empty() &&
            std::find(served.begin(), served.end(), fields.name) == served.end()) {
            throw std::logic_error(std::string("the handler ") + handler_.name +
                                   " does not serve jobs named " + fields.name);
        }
        const std::lock_guard lock(job.mutex);
        if (job.outcome) {
            throw std::logic_error("job " + fields.id +
                                   " has an outcome already; another attempt is another Job");
        }
        if (fields.queue.empty()) {
            fields.queue = std::string("bull:") + handler_.default_queue;
        }
        if (fields.attemptsStarted == 0) {
            fields.attemptsStarted = fields.attemptsMade + 1;
        }
    }

    /// Returns opts.attempts as the engine goes by it: "3" is 3, 2.5 is 3, and what is not a number is 0.
    static std::int32_t attemptsOf(std::string_view opts) {
        const JsonView options = JsonView::tryParse(opts).value_or(JsonView());
        const double attempts = std::ceil(nodeNumber(options["attempts"].text()));
        if (!(attempts > 0)) {
            return 0;
        }
        constexpr std::int32_t kMost = std::numeric_limits<std::int32_t>::max();
        return attempts < kMost ? static_cast<std::int32_t>(attempts) : kMost;
    }

    static drover_job viewOf(const JobFields& fields) {
        drover_job out{};
        out.struct_size = sizeof(out);
        out.attempts_made = fields.attemptsMade;
        out.attempts_started = fields.attemptsStarted;
        out.stalled_count = fields.stalledCount;
        out.attempts = attemptsOf(fields.opts);
        out.priority = fields.priority;
        out.timestamp_ms = fields.timestampMs;
        out.delay_ms = fields.delayMs;
        out.id = abi::bytes(fields.id);
        out.name = abi::bytes(fields.name);
        out.queue = abi::bytes(fields.queue);
        out.data = abi::bytes(fields.data);
        out.opts = abi::bytes(fields.opts);
        out.parent_key = abi::bytes(fields.parentKey);
        out.scheduler = abi::bytes(fields.scheduler);
        out.deduplication_id = abi::bytes(fields.deduplicationId);
        out.progress = abi::bytes(fields.progress);
        out.processed_on_ms = fields.processedOnMs;
        out.token = abi::bytes(fields.token);
        out.stacktrace = abi::bytes(fields.stacktrace);
        out.failed_reason = abi::bytes(fields.failedReason);
        out.parent = abi::bytes(fields.parent);
        return out;
    }

    const drover_plugin_descriptor& plugin_;
    const drover_handler& handler_;
    std::shared_ptr<const detail::Config> config_;
    void* instance_ = nullptr;
};

}  // namespace drover::testing
