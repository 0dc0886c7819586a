// One queue over the masters of a cluster: shard_load add|wait PORT QUEUE SHARDS N. PORT is a node's. Prints jobs per second: small jobs
// that are added in bulks of 1,000 for each shard, or the jobs that are there until none waits or is active.
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "drover/Queue.h"
#include "drover/QueueReader.h"
#include "drover/Redis.h"

namespace {

using Clock = std::chrono::steady_clock;

constexpr int kBulk = 1000;
constexpr std::chrono::seconds kPatience{60};

void add(drover::Queue& queue, int count, int bulk) {
    for (int first = 0; first < count; first += bulk) {
        std::vector<drover::NewJob> jobs;
        for (int n = first; n < std::min(first + bulk, count); ++n) {
            drover::NewJob& job = jobs.emplace_back();
            job.name = "noop";
            job.data = "{\"userId\":" + std::to_string(n) + "}";
            job.opts.removeOnComplete = drover::KeepJobs{.count = 0};
        }
        for (const drover::AddResult& added :
             queue.addBulk(std::move(jobs), Clock::now() + kPatience)) {
            if (added.status != drover::AddResult::Status::Added) {
                throw std::runtime_error("a job was not added: " + added.message);
            }
        }
    }
}

void run(int argc, char** argv) {
    if (argc != 6) {
        throw std::invalid_argument("usage: shard_load add|wait PORT QUEUE SHARDS N");
    }
    const int count = std::atoi(argv[5]);
    drover::Redis::Settings server;
    server.cluster = {{"127.0.0.1", std::atoi(argv[2])}};
    const drover::Redis redis(server);
    drover::Queue::Settings settings;
    settings.name = argv[3];
    settings.shards.count = std::atoi(argv[4]);
    std::vector<std::unique_ptr<drover::QueueReader>> shards;
    for (const std::string& name : settings.shards.namesOf(settings.name)) {
        shards.push_back(std::make_unique<drover::QueueReader>(
            redis, drover::QueueReader::Settings{settings.prefix, name}));
    }
    const auto unfinished = [&shards] {
        std::int64_t jobs = 0;
        for (const auto& shard : shards) {
            const drover::JobCounts counts = shard->counts();
            jobs += counts.waiting + counts.active;
        }
        return jobs;
    };
    auto begin = Clock::now();
    if (std::string(argv[1]) == "add") {
        drover::Queue queue(redis, settings);
        while (!queue.healthy()) {
            std::this_thread::sleep_for(std::chrono::milliseconds(10));
        }
        begin = Clock::now();
        add(queue, count, kBulk * settings.shards.count);
    } else {
        while (unfinished() > 0) {
            std::this_thread::sleep_for(std::chrono::milliseconds(5));
        }
    }
    std::printf("%.0f\n", count / std::chrono::duration<double>(Clock::now() - begin).count());
}

}  // namespace

int main(int argc, char** argv) {
    try {
        run(argc, argv);
        return 0;
    } catch (const std::exception& error) {
        std::fprintf(stderr, "shard_load: %s\n", error.what());
        return 1;
    }
}
