// Adds trees of jobs: REDIS_PORT TREES CHILDREN. Prints {"jobsPerSecond": …}, the parents among the jobs.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "drover/FlowProducer.h"
#include "drover/Redis.h"

int main(int argc, char** argv) {
    if (argc != 4) {
        std::fputs("usage: flow_load REDIS_PORT TREES CHILDREN\n", stderr);
        return 64;
    }
    const int trees = std::atoi(argv[2]);
    const int children = std::atoi(argv[3]);
    drover::Redis::Settings settings;
    settings.port = std::atoi(argv[1]);
    drover::FlowProducer producer{drover::Redis(settings), {}};
    const auto begin = std::chrono::steady_clock::now();
    for (int tree = 0; tree < trees; ++tree) {
        drover::FlowJob flow;
        flow.queue = "sums";
        flow.job.name = "sum";
        for (int child = 0; child < children; ++child) {
            drover::FlowJob& part = flow.children.emplace_back();
            part.queue = "parts";
            part.job.name = "part";
            part.job.data = "{\"userId\":" + std::to_string(child) + ",\"eventId\":1}";
            part.job.opts.attempts = 3;
        }
        const drover::FlowResult result = producer.add(std::move(flow));
        if (result.status != drover::AddResult::Status::Added) {
            std::fprintf(stderr, "flow_load: %s\n", result.message.c_str());
            return 1;
        }
    }
    const std::chrono::duration<double> lasted = std::chrono::steady_clock::now() - begin;
    std::printf("{\"jobsPerSecond\": %.0f}\n", trees * (children + 1.0) / lasted.count());
    return 0;
}
