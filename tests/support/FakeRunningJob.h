#pragma once

#include <map>
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
    HostStatus call(HostCall function, std::string_view text, std::string& result) override {
        if (answer != HostStatus::Ok) {
            return answer;
        }
        switch (function) {
            case HostCall::UpdateProgress:
                progress.emplace_back(text);
                break;
            case HostCall::UpdateData:
                written.emplace_back(text);
                break;
            case HostCall::AddLog:
                logs.emplace_back(text);
                result = std::to_string(logs.size());
                break;
            case HostCall::AddChildren:
                children.emplace_back(text);
                result = R"(["7"])";
                break;
            case HostCall::ChildrenValues:
                result = R"({"bull:test:7":1})";
                break;
            default:
                calls.emplace_back(function, text);
                result = results[function];
                break;
        }
        return HostStatus::Ok;
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
    std::vector<std::pair<HostCall, std::string>> calls;  ///< All other calls.
    std::map<HostCall, std::string> results;              ///< Their answers.
};

}  // namespace drover::test
