// Adds a job and waits until it has ended: producer HOST PORT QUEUE NAME DATA
// Prints "<id> completed <result>" or "<id> failed <reason>".
#include <chrono>
#include <cstdlib>
#include <drover/JobResults.h>
#include <drover/Queue.h>
#include <drover/QueueReader.h>
#include <drover/Redis.h>
#include <exception>
#include <iostream>
#include <string>

namespace {

constexpr std::chrono::seconds kPatience{30};

int produce(const drover::Redis& redis, const std::string& queueName, const drover::NewJob& job) {
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
    drover::JobResults results(redis, {.prefix = settings.prefix, .name = queueName});
    const drover::JobEnd end =
        results.waitUntilFinished(added.id, drover::JobResults::Clock::now() + kPatience);
    switch (end.status) {
        case drover::JobEnd::Status::Completed:
            std::cout << added.id << " completed " << end.text << '\n';
            return 0;
        case drover::JobEnd::Status::Failed:
            std::cout << added.id << " failed " << end.text << '\n';
            return 0;
        default:
            std::cerr << "job " << added.id << " has not ended\n";
            return 1;
    }
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
