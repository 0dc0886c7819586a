// Drover's producer: add_load bulk|single PORT QUEUE N THREADS. Prints adds per second of small jobs: in bulks of 1,000, or one by one,
// each thread waiting for its answer.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <exception>
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

drover::NewJob job(int n) {
    drover::NewJob made;
    made.name = "mail";
    made.data =
        "{\"userId\":" + std::to_string(n) + ",\"eventId\":" + std::to_string(n % 100 + 1) + "}";
    made.opts.removeOnComplete = drover::KeepJobs{.count = 0};
    made.opts.removeOnFail = drover::KeepJobs{.count = 0};
    return made;
}

void addBulk(drover::Queue& queue, int first, int count) {
    std::vector<drover::NewJob> jobs;
    jobs.reserve(static_cast<std::size_t>(count));
    for (int i = 0; i < count; ++i) {
        jobs.push_back(job(first + i));
    }
    (void)queue.addBulk(std::move(jobs), Clock::now() + kPatience);
}

void run(int argc, char** argv) {
    if (argc != 6) {
        throw std::invalid_argument("usage: add_load bulk|single PORT QUEUE N THREADS");
    }
    const bool bulk = std::string(argv[1]) == "bulk";
    const int count = std::atoi(argv[4]);
    drover::Redis::Settings server;
    server.port = std::atoi(argv[2]);
    const drover::Redis redis(server);
    drover::Queue::Settings settings;
    settings.name = argv[3];
    drover::Queue queue(redis, settings);
    while (!queue.healthy()) {
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }

    const int step = bulk ? kBulk : 1;
    std::atomic<int> next{0};
    const auto begin = Clock::now();
    std::vector<std::thread> threads;
    for (int i = std::atoi(argv[5]); i > 0; --i) {
        threads.emplace_back([&] {
            for (int n = next.fetch_add(step); n < count; n = next.fetch_add(step)) {
                if (bulk) {
                    addBulk(queue, n, std::min(step, count - n));
                } else {
                    (void)queue.add(job(n), Clock::now() + kPatience);
                }
            }
        });
    }
    for (std::thread& thread : threads) {
        thread.join();
    }
    const double seconds = std::chrono::duration<double>(Clock::now() - begin).count();
    const auto waiting =
        drover::QueueReader(redis, {.prefix = settings.prefix, .name = settings.name})
            .counts()
            .waiting;
    if (waiting != count) {
        throw std::runtime_error(std::to_string(waiting) + " jobs wait instead of " + argv[4]);
    }
    std::printf("%.0f\n", count / seconds);
}

}  // namespace

int main(int argc, char** argv) {
    try {
        run(argc, argv);
        return 0;
    } catch (const std::exception& error) {
        std::fprintf(stderr, "add_load: %s\n", error.what());
        return 1;
    }
}
