#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <drover/Service.h>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace {

/// Streams at GET /bench/events, each of which gets an event every second.
class EventsService : public drover::Service {
public:
    explicit EventsService(drover::ServiceContext& context) {
        drover::Route route;
        route.method = "GET";
        route.path = "/bench/events";
        route.summary = "An event every second.";
        route.source = "plugin bench-events";
        route.asyncHandler = [this](std::vector<drover::Exchange> exchanges) {
            const std::lock_guard lock(mutex_);
            for (drover::Exchange& exchange : exchanges) {
                if (std::shared_ptr<drover::EventStream> stream = exchange.responder.stream()) {
                    streams_.push_back(std::move(stream));
                }
            }
        };
        context.routes().add(std::move(route));
    }

    void start() override {
        thread_ = std::thread([this] { sendEvents(); });
    }

    void stop(std::chrono::milliseconds) override {
        {
            const std::lock_guard lock(mutex_);
            stopping_ = true;
        }
        signal_.notify_one();
        if (thread_.joinable()) {
            thread_.join();
        }
    }

private:
    void sendEvents() {
        std::unique_lock lock(mutex_);
        auto next = std::chrono::steady_clock::now();
        for (int number = 1; !stopping_; ++number) {
            next += std::chrono::seconds(1);
            signal_.wait_until(lock, next, [this] { return stopping_; });
            const drover::Event event{std::to_string(number)};
            const auto left = [&event](const std::shared_ptr<drover::EventStream>& stream) {
                return stream->send(event) == drover::EventStream::Sent::Closed;
            };
            streams_.erase(std::remove_if(streams_.begin(), streams_.end(), left), streams_.end());
        }
        streams_.clear();
    }

    std::mutex mutex_;
    std::condition_variable signal_;
    bool stopping_ = false;
    std::vector<std::shared_ptr<drover::EventStream>> streams_;
    std::thread thread_;
};

const drover::ServiceDescriptor kDescriptor = {
    DROVER_BUILD_STAMP,
    "bench-events",
    "1.0.0",
    "Event streams for the benchmark.",
    {},
    {},
    [](drover::ServiceContext& context) -> std::unique_ptr<drover::Service> {
        return std::make_unique<EventsService>(context);
    }};

}  // namespace

DROVER_SERVICE(kDescriptor);
