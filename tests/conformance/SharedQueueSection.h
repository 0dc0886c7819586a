#pragma once

#include <cstdint>
#include <memory>
#include <rapidjson/document.h>
#include <string>

#include <cppunit/TestAssert.h>

#include "conformance/Conformance.h"
#include "queue/ops/Advance.h"

namespace drover::test {

/// Provides the words of section Q: a queue that clients of BullMQ 5.x share.
class SharedQueueSection : public Conformance {
protected:
    using Conformance::Conformance;

    [[nodiscard]] std::string target() const { return "\"queue\": \"" + queueName() + "\""; }

    /// A 6.7.0 beside the version under test.
    NodePeer& six() {
        if (six_ == nullptr) {
            six_ = std::make_unique<NodePeer>("6.7.0", *server_);
        }
        return *six_;
    }

    /// Claims the one job that is there at that moment.
    ClaimedJob claimOne(std::int64_t nowMs, const std::string& token = "token") {
        AdvanceRequest request;
        request.claim = 1;
        request.token = token;
        request.lockDuration = std::chrono::seconds(10);
        const auto jobs = ops::advance(ours(), client(), request, nowMs).jobs();
        CPPUNIT_ASSERT_EQUAL_MESSAGE("jobs to claim", std::size_t{1}, jobs.size());
        return jobs[0];
    }

    /// Claims one job with that token; returns its id, "" without one.
    std::string claimed(const std::string& token) {
        AdvanceRequest request;
        request.claim = 1;
        request.token = token;
        request.lockDuration = std::chrono::seconds(10);
        const auto jobs = ops::advance(ours(), client(), request, clock_.wallMs()).jobs();
        return jobs.empty() ? "" : jobs[0].id;
    }

    /// Adds the scheduler "tick", or changes it.
    void upsert(const std::string& repeat) {
        node("queue.upsertJobScheduler",
             R"("args": ["tick", )" + repeat + R"(, {"name": "mail"}])");
    }

    std::int64_t nextRun() { return std::stoll(text({"ZSCORE", key("repeat"), "tick"})); }

    rapidjson::Document optsOf(const std::string& id) {
        rapidjson::Document opts;
        opts.Parse(field(id, "opts").c_str());
        return opts;
    }

    std::int64_t dueOf(const std::string& id) {
        return static_cast<std::int64_t>(scoreOf("delayed", id) / 4096);
    }

private:
    std::unique_ptr<NodePeer> six_;
};

}  // namespace drover::test
