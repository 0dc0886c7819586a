#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/HandlerType.h"

namespace drover::test {

/// A running job without a worker or Redis: records the calls of a handler, answers as a test has set it.
class FakeRunningJob : public RunningJob {
public:
    explicit FakeRunningJob(std::string json = "{}", std::string name = "echo") {
        claimed.id = "1";
        claimed.queue = "bull:test";
        claimed.name = std::move(name);
        claimed.data = std::move(json);
        claimed.opts = "{}";
    }

    [[nodiscard]] const ClaimedJob& job() const override { return claimed; }
    [[nodiscard]] const std::string& workerName() const override { return worker; }
    bool setOutcome(JobOutcome set) override {
        if (outcome.kind != JobOutcome::Kind::Unset) {
            return false;
        }
        outcome = std::move(set);
        return true;
    }
    [[nodiscard]] CancelReason cancelled() const override { return cancel; }
    CancelReason waitCancelled(std::chrono::milliseconds timeout) override {
        waited.push_back(timeout);
        return cancel;
    }
    [[nodiscard]] std::string cancelledWhy() const override { return why; }
    HostStatus updateProgress(std::string_view json) override { return remember(progress, json); }
    HostStatus updateData(std::string_view json) override { return remember(written, json); }
    HostStatus addLog(std::string_view row) override { return remember(logs, row); }
    HostStatus addChildren(std::string_view childrenJson, std::string& ids) override {
        ids = R"(["7"])";
        return remember(children, childrenJson);
    }
    HostStatus childrenValues(std::string& values) override {
        values = R"({"bull:test:7":1})";
        return answer;
    }

    ClaimedJob claimed;
    std::string worker;
    JobOutcome outcome;
    CancelReason cancel = CancelReason::None;
    std::string why;                     ///< The words that came with the cancel.
    HostStatus answer = HostStatus::Ok;  ///< The answer to every call that would go to Redis.
    std::vector<std::chrono::milliseconds> waited;
    std::vector<std::string> progress;
    std::vector<std::string> written;  ///< By updateData.
    std::vector<std::string> logs;
    std::vector<std::string> children;

private:
    HostStatus remember(std::vector<std::string>& place, std::string_view what) {
        if (answer == HostStatus::Ok) {
            place.emplace_back(what);
        }
        return answer;
    }
};

}  // namespace drover::test
