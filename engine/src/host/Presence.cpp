#include "host/Presence.h"

#include <utility>

#include <Poco/Exception.h>

#include "core/Guarded.h"
#include "core/Log.h"
#include "redis/RedisShared.h"

namespace drover {

Presence::Presence(const Redis& redis,
                   const std::string& prefix,
                   ProcessReport report,
                   std::function<std::string()> health,
                   std::function<void(Metrics&)> measure)
    : keys_(prefix),
      server_(serverOf(redis, keys_.base)),
      report_(std::move(report)),
      health_(std::move(health)),
      measure_(std::move(measure)) {}

Presence::~Presence() {
    drain(Clock::now());
}

void Presence::start() {
    thread_ = std::thread([this] { (void)runGuarded("presence", [this] { run(); }); });
}

void Presence::drain(Clock::time_point /*deadline*/) {
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    changed_.notify_one();
    if (!thread_.joinable()) {
        return;
    }
    thread_.join();
    try {
        const ClientPool::Lease client = server_.shared().lease();
        ops::withdrawProcess(*client, keys_, report_.id());
    } catch (const Poco::Exception&) {
        // The report ends by itself, and the log has the outage.
    }
}

void Presence::run() {
    std::chrono::milliseconds wait = kFirst;
    std::unique_lock lock(mutex_);
    while (!changed_.wait_for(lock, wait, [this] { return stopping_; })) {
        lock.unlock();
        publish();
        lock.lock();
        wait = kInterval;
    }
}

void Presence::publish() {
    Metrics metrics;
    measure_(metrics);
    const std::string report = report_.write(health_(), metrics, Clock::now());
    try {
        const ClientPool::Lease client = server_.shared().lease();
        onRefusal(ops::publishProcess(*client, keys_, report_.id(), report, kLife));
    } catch (const Poco::Exception&) {
        // The log has the outage.
    }
}

void Presence::onRefusal(const std::string& why) {
    if (why.empty() != refusal_.empty()) {
        const Log log("engine");
        if (why.empty()) {
            log.information("Redis accepts the report of the process again");
        } else {
            log.warning(
                "Redis refuses the report of the process, which commands and pages of "
                "other processes lack: " +
                why + "; process.publish = false ends the attempts");
        }
    }
    refusal_ = why;
}

}  // namespace drover
