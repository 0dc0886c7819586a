// Measures a run with isolation = thread and with isolation = process: empty handlers, called as a worker's thread
// calls them, without a worker and without Redis. Usage: drover_isolation_bench ECHO.so CRASHING.so [TURNS]
#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "plugin/isolation/HandlerChild.h"
#include "plugin/isolation/HandlerProtocol.h"
#include "plugin/loading/PluginGeneration.h"
#include "plugin/loading/PluginLoader.h"
#include "support/FakeRunningJob.h"

namespace {

using namespace drover;
using Clock = std::chrono::steady_clock;

struct Case {
    const char* path;
    std::size_t handler;
    std::size_t batch;
};

double microseconds(Clock::duration time) {
    return std::chrono::duration<double, std::micro>(time).count();
}

/// Runs batches for half a second; prints jobs per second and the time of a run.
double measure(HandlerInstance& instance, std::size_t batch, const char* isolation) {
    std::vector<double> runs;
    const auto began = Clock::now();
    while (Clock::now() - began < std::chrono::milliseconds(500)) {
        std::vector<test::FakeRunningJob> jobs(
            batch, test::FakeRunningJob(R"({"userId":12345,"eventId":17})"));
        std::vector<RunningJob*> pointers;
        for (auto& job : jobs) {
            pointers.push_back(&job);
        }
        const auto start = Clock::now();
        instance.process(pointers);
        runs.push_back(microseconds(Clock::now() - start));
        for (const auto& job : jobs) {
            if (job.outcome.kind != JobOutcome::Kind::Completed) {
                std::fprintf(stderr, "a job did not complete: %s\n", job.outcome.text.c_str());
                std::exit(1);
            }
        }
    }
    double all = 0;
    for (const double run : runs) {
        all += run;
    }
    std::sort(runs.begin(), runs.end());
    const double perSecond = static_cast<double>(runs.size() * batch) / all * 1e6;
    std::printf(
        "batch %2zu  %-8s %10.0f jobs/s   a run: median %7.1f us, 99 of 100 below %8.1f us\n",
        batch,
        isolation,
        perSecond,
        runs[runs.size() / 2],
        runs[runs.size() * 99 / 100]);
    return perSecond;
}

std::unique_ptr<HandlerInstance> make(const Case& one, std::optional<ProcessIsolation> isolation) {
    const auto nothing = [](const std::string&) { return std::nullopt; };
    return PluginGeneration::start(PluginLoader().load(one.path), nothing, std::move(isolation))
        ->handlerTypes()
        .at(one.handler)
        ->create();
}

}  // namespace

int main(int argc, char** argv) {
    if (argc > 1 && std::strcmp(argv[1], wire::kOption) == 0) {
        return runHandlerChild();
    }
    if (argc < 3) {
        std::fprintf(stderr, "usage: drover_isolation_bench ECHO.so CRASHING.so [TURNS]\n");
        return 64;
    }
    std::signal(SIGPIPE, SIG_IGN);
    const int turns = argc > 3 ? std::atoi(argv[3]) : 5;
    for (const Case& one : {Case{argv[1], 0, 1}, Case{argv[2], 1, 64}}) {
        const auto inThread = make(one, std::nullopt);
        const auto began = Clock::now();
        const auto inProcess = make(one, ProcessIsolation());
        std::printf("starting a process: %.1f ms\n", microseconds(Clock::now() - began) / 1000);
        std::vector<double> ratios;
        for (int turn = 0; turn < turns; ++turn) {
            const double thread = measure(*inThread, one.batch, "thread");
            ratios.push_back(measure(*inProcess, one.batch, "process") / thread);
        }
        std::sort(ratios.begin(), ratios.end());
        std::printf(
            "batch %zu: process / thread: median %.4f\n\n", one.batch, ratios[ratios.size() / 2]);
    }
    return 0;
}
