// Adds a job and waits until it has ended: producer HOST PORT QUEUE NAME DATA
// Prints "<id> completed <result>" or "<id> failed <reason>".
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <drover/Queue.h>
#include <drover/QueueEvents.h>
#include <drover/QueueReader.h>
#include <drover/Redis.h>
#include <exception>
#include <iostream>
#include <map>
#include <mutex>
#include <string>

namespace {

constexpr std::chrono::seconds kPatience{30};

/// Collects the ends of jobs. An event may arrive before add() has returned the id of its job.
class Ends {
public:
    /// Called from the thread of QueueEvents.
    void onEvent(const drover::QueueEvent& event) {
        const bool completed = event.type == drover::QueueEvent::Type::Completed;
        if (!completed && event.type != drover::QueueEvent::Type::Failed) {
            return;
        }
        const std::lock_guard lock(mutex_);
        ends_[std::string(event.jobId())] =
            event.name + " " + std::string(completed ? event.returnValue() : event.failedReason());
        arrived_.notify_all();
    }

    /// Waits for the end of a job; returns an empty text if it does not end in time.
    std::string endOf(const std::string& id) {
        std::unique_lock lock(mutex_);
        arrived_.wait_for(lock, kPatience, [&] { return ends_.count(id) != 0; });
        return ends_[id];
    }

private:
    std::mutex mutex_;
    std::condition_variable arrived_;
    std::map<std::string, std::string> ends_;
};

int produce(const drover::Redis& redis, const std::string& queueName, const drover::NewJob& job) {
    Ends ends;
    drover::QueueEvents::Settings eventSettings;
    eventSettings.name = queueName;
    drover::QueueEvents events(
        redis, eventSettings, [&ends](const drover::QueueEvent& event) { ends.onEvent(event); });
    if (!events.waitUntilReady(kPatience)) {
        std::cerr << "Redis did not answer\n";
        return 1;
    }

    drover::Queue::Settings settings;
    settings.name = queueName;
    drover::Queue queue(redis, settings);
    const drover::AddResult added = queue.add(job);
    if (added.status != drover::AddResult::Status::Added) {
        std::cerr << "not added: " << added.message << '\n';
        return 1;
    }
    if (drover::QueueReader(redis, {.prefix = settings.prefix, .name = queueName}).isPaused()) {
        std::cerr << "the queue is paused\n";
    }
    const std::string end = ends.endOf(added.id);
    std::cout << added.id << ' ' << (end.empty() ? "has not ended" : end) << '\n';
    return end.empty() ? 1 : 0;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 6) {
        std::cerr << "usage: producer HOST PORT QUEUE NAME DATA\n";
        return 64;
    }
    try {
        drover::Redis::Settings server;
        server.host = argv[1];
        server.port = std::atoi(argv[2]);
        drover::NewJob job;
        job.name = argv[4];
        job.data = argv[5];
        return produce(drover::Redis(server), argv[3], job);
    } catch (const std::exception& error) {
        std::cerr << error.what() << '\n';
        return 1;
    }
}
