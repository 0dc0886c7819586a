#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <thread>

#include "drover/Redis.h"
#include "host/ProcessReport.h"
#include "process/Component.h"
#include "queue/ops/Processes.h"

namespace drover {

/// Publishes the report of the process in Redis, so that other processes and commands see it: first after kFirst, then every
/// kInterval, each time for kLife.
///
/// The report of a process that is killed ends by itself. A process that ends withdraws it. An outage of Redis and a refusal
/// harm no work: a refusal is logged when it begins and when it ends.
/// Threads: one of its own, between start() and drain().
class Presence : public Component {
public:
    static constexpr std::chrono::milliseconds kFirst{1000};  ///< Most processes run by then.
    static constexpr std::chrono::milliseconds kInterval{5000};
    static constexpr std::chrono::milliseconds kLife{20000};

    /// `health` and `measure` describe the whole process and are called on the thread of this component.
    Presence(const Redis& redis,
             const std::string& prefix,
             ProcessReport report,
             std::function<std::string()> health,
             std::function<void(Metrics&)> measure);
    ~Presence() override;

    [[nodiscard]] const std::string& name() const override { return name_; }
    void start() override;
    void drain(Clock::time_point deadline) override;

private:
    void run();
    void publish();
    void onRefusal(const std::string& why);

    const std::string name_ = "presence";
    const ProcessKeys keys_;
    const Redis server_;    ///< That of the keys, in a cluster.
    ProcessReport report_;  ///< Used by the thread, as is refusal_.
    const std::function<std::string()> health_;
    const std::function<void(Metrics&)> measure_;
    std::string refusal_;  ///< Why Redis does not accept the report; empty: it does.
    std::mutex mutex_;
    std::condition_variable changed_;
    bool stopping_ = false;  ///< Guarded by mutex_.
    std::thread thread_;
};

}  // namespace drover
