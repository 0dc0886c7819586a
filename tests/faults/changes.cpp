// Changes where a queue's keys are, again and again under load, and accounts for each acknowledged job.
//   drover_changes failovers N   half by SENTINEL FAILOVER, half by SIGKILL of the master
//   drover_changes moves N       the slot of a queue from one node of a cluster to another
// Exit: 0 as promised, 1 not, 2 wrong usage, 77 a server program is not installed.
#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <exception>
#include <functional>
#include <iostream>
#include <string>
#include <vector>

#include "support/ClusterSet.h"
#include "support/LoadedQueue.h"
#include "support/SentinelSet.h"
#include "support/ServerAnswers.h"
#include "support/Skip.h"

using namespace drover::test;

namespace {

using Clock = std::chrono::steady_clock;

/// Jobs that end between two changes.
constexpr std::size_t kBetween = 100;

std::int64_t ms(Clock::duration duration) {
    return std::chrono::duration_cast<std::chrono::milliseconds>(duration).count();
}

/// Prints the median and the largest of some durations.
void printTimes(const std::string& what, std::vector<std::int64_t> times) {
    if (times.empty()) {
        return;
    }
    std::sort(times.begin(), times.end());
    std::cout << what << ": median " << times[times.size() / 2] << " ms, most " << times.back()
              << " ms\n";
}

/// Changes the place of a queue's keys so often, and accounts for its jobs after each change.
class Changes {
public:
    explicit Changes(bool mayLose) : mayLose_(mayLose) {}

    /// Makes one change under load. `port`: returns that of the master afterwards, whose data are removed in the end: a
    /// server that restarts reads them. `changedAt`: returns when the new place was known.
    void make(LoadedQueue& load,
              const std::function<void()>& change,
              const std::function<int()>& port,
              const std::function<Clock::time_point()>& changedAt) {
        load.startAdding();
        load.untilEnded(load.ended() + kBetween);
        const auto began = Clock::now();
        change();
        load.untilEnded(load.ended() + kBetween);
        // A pause that begins later has another cause: the machine is busy, or the old master gets its copy of the data.
        const LoadedQueue::Pause pause =
            load.longestPause(began, changedAt() + std::chrono::seconds(1));
        load.stopAdding();
        load.untilAllEnded();
        const LoadedQueue::Account account = load.account();
        pauses_.push_back(ms(pause.until - pause.from));
        resumptions_.push_back(std::max<std::int64_t>(ms(pause.until - changedAt()), 0));
        added_ += load.added();
        unknown_ += load.unknown();
        lost_ += account.lost;
        repeated_ += account.repeated;
        problems_ += account.problems;
        std::cout << pauses_.size() << ": paused for " << pauses_.back() << " ms, " << load.added()
                  << " jobs" << account.problems << std::endl;
        static_cast<void>(ask(port(), {"FLUSHALL"}));
        load.forget();
    }

    /// Prints the sums. Returns true if every promise was held.
    [[nodiscard]] bool report() {
        printTimes("without the begin of a job", pauses_);
        printTimes("from the new place to the next begin of a job", resumptions_);
        std::cout << added_ << " jobs acknowledged, " << unknown_
                  << " adds with an unknown result, " << repeated_
                  << " jobs that ran again since their end was lost, " << lost_
                  << " lost by an asynchronous replica, problems:"
                  << (problems_.empty() ? " none" : problems_) << std::endl;
        return problems_.empty() && (mayLose_ || lost_ + repeated_ == 0);
    }

private:
    const bool mayLose_;
    std::vector<std::int64_t> pauses_, resumptions_;
    std::size_t added_ = 0, unknown_ = 0, lost_ = 0, repeated_ = 0;
    std::string problems_;
};

bool failovers(int count) {
    SentinelSet sentinels;
    LoadedQueue load(sentinels.settings(), "bull", "load");
    Changes changes(true);
    for (int i = 0; i < count; ++i) {
        changes.make(
            load,
            [&] { i % 2 == 0 ? sentinels.failOver() : sentinels.killMaster(); },
            [&] { return sentinels.masterPort(); },
            [&] { return sentinels.switchedAt(); });
    }
    return changes.report();
}

bool moves(int count) {
    ClusterSet cluster;
    LoadedQueue load(cluster.settings(), "{bull}", "load");
    Changes changes(false);
    for (int i = 0; i < count; ++i) {
        Clock::time_point moved;
        changes.make(
            load,
            [&] {
                cluster.moveSlotOf("{bull}", [] {});
                moved = Clock::now();
            },
            [&] { return cluster.portOf("{bull}"); },
            [&] { return moved; });
    }
    return changes.report();
}

}  // namespace

int main(int argc, char** argv) {
    const std::vector<std::string> words(argv + 1, argv + argc);
    const int count = words.size() == 2 ? std::atoi(words[1].c_str()) : 0;
    if (count < 1 || (words[0] != "failovers" && words[0] != "moves")) {
        std::cerr << "usage: drover_changes failovers|moves N\n";
        return 2;
    }
    try {
        return (words[0] == "failovers" ? failovers(count) : moves(count)) ? 0 : 1;
    } catch (const MissingService& missing) {
        std::cerr << missing.what() << '\n';
        return 77;
    } catch (const std::exception& error) {
        std::cerr << error.what() << '\n';
        return 1;
    }
}
