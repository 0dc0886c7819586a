// Changes where a queue's keys are, again and again under load, and accounts for each acknowledged job.
//   drover_changes failovers N   half by SENTINEL FAILOVER, half by SIGKILL of the master
//   drover_changes moves N       the slot of a queue from one node of a cluster to another
// Exit: 0 as promised, 1 not, 2 wrong usage, 77 a server program is not installed.
#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <exception>
#include <iostream>
#include <string>
#include <vector>

#include "support/ClusterSet.h"
#include "support/LoadedQueue.h"
#include "support/SentinelSet.h"
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

/// Ends the load, and prints what became of it. Returns true if every promise was held.
bool conclude(LoadedQueue& load, bool mayLose) {
    load.stopAdding();
    load.untilAllEnded();
    const LoadedQueue::Account account = load.account();
    std::cout << load.added() << " jobs acknowledged, " << load.unknown()
              << " adds with an unknown result, " << account.repeated
              << " jobs that ran again since their end was lost, " << account.lost
              << " lost by an asynchronous replica, problems:"
              << (account.problems.empty() ? " none" : account.problems) << std::endl;
    return account.problems.empty() && (mayLose || account.lost + account.repeated == 0);
}

bool failovers(int count) {
    SentinelSet sentinels;
    LoadedQueue load(sentinels.settings(), "bull", "load");
    load.startAdding();
    std::vector<std::int64_t> pauses, resumptions;
    for (int i = 0; i < count; ++i) {
        load.untilEnded(load.ended() + kBetween);
        const auto began = Clock::now();
        if (i % 2 == 0) {
            sentinels.failOver();
        } else {
            sentinels.killMaster();
        }
        load.untilEnded(load.ended() + kBetween);
        const LoadedQueue::Pause pause = load.longestPauseSince(began);
        pauses.push_back(ms(pause.until - pause.from));
        resumptions.push_back(std::max<std::int64_t>(ms(pause.until - sentinels.switchedAt()), 0));
    }
    std::cout << count << " failovers\n";
    printTimes("without the begin of a job", pauses);
    printTimes("from the new master's name to the next begin of a job", resumptions);
    return conclude(load, true);
}

bool moves(int count) {
    ClusterSet cluster;
    LoadedQueue load(cluster.settings(), "{bull}", "load");
    load.startAdding();
    std::vector<std::int64_t> pauses;
    for (int i = 0; i < count; ++i) {
        load.untilEnded(load.ended() + kBetween);
        const auto began = Clock::now();
        cluster.moveSlotOf("{bull}", [] {});
        load.untilEnded(load.ended() + kBetween);
        const LoadedQueue::Pause pause = load.longestPauseSince(began);
        pauses.push_back(ms(pause.until - pause.from));
    }
    std::cout << count << " moves of the queue's slot\n";
    printTimes("without the begin of a job", pauses);
    return conclude(load, false);
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
