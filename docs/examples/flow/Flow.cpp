// Adds an order with its three parcels, in one atomic step, and waits until all are done: flow HOST PORT QUEUE
// The order waits until every parcel has ended. Prints the result of each parcel, as the order's handler may read it, and then that
// of the order.
#include <chrono>
#include <cstdlib>
#include <drover/FlowProducer.h>
#include <drover/JobResults.h>
#include <drover/QueueReader.h>
#include <drover/Redis.h>
#include <exception>
#include <iostream>
#include <string>

namespace {

constexpr std::chrono::seconds kPatience{30};

drover::FlowJob order(const std::string& queue) {
    drover::FlowJob root;
    root.queue = queue;
    root.job.name = "echo";
    root.job.data = R"({"order":17})";
    for (int parcel = 1; parcel <= 3; ++parcel) {
        drover::FlowJob child;
        child.queue = queue;  // Or any other queue.
        child.job.name = "echo";
        child.job.data = "{\"parcel\":" + std::to_string(parcel) + "}";
        // Without it the order would wait for ever for a parcel that fails.
        child.job.opts.childFailure = drover::ChildFailure::FailParent;
        root.children.push_back(child);
    }
    return root;
}

int run(const drover::Redis& redis, const std::string& queue) {
    drover::JobResults results(redis, {.prefix = "bull", .name = queue});
    drover::FlowProducer producer(redis, {});
    const drover::FlowResult added = producer.add(order(queue));
    if (added.status != drover::AddResult::Status::Added) {
        std::cerr << "not added: " << added.message << '\n';
        return 1;
    }
    const std::string id = added.tree.job->id;
    const drover::JobEnd end =
        results.waitUntilFinished(id, drover::JobResults::Clock::now() + kPatience);
    const drover::QueueReader reader(redis, {.prefix = "bull", .name = queue});
    for (const auto& [child, value] : reader.childrenValues(id)) {
        std::cout << value << '\n';
    }
    std::cout << end.text << '\n';
    return end.status == drover::JobEnd::Status::Completed ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 4) {
        std::cerr << "usage: flow HOST PORT QUEUE\n";
        return 64;
    }
    try {
        drover::Redis::Settings server;
        server.host = argv[1];
        server.port = std::atoi(argv[2]);
        return run(drover::Redis(server), argv[3]);
    } catch (const std::exception& error) {
        std::cerr << error.what() << '\n';
        return 1;
    }
}
