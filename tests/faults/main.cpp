// Runs faults against a fleet under load: ./dev faults, and each entry of `ctest -L faults`.
//   drover_faults list                                      names and promises
//   drover_faults run [--results FOLDER] [--seed N] [--command TEXT] [--times N] NAME... or --all
//   drover_faults storm [--kills N] [--rewinds N] [--rounds N] [--results FOLDER] [--seed N] [--command TEXT]
// --command is the user's command line, for the document.
//   drover_faults report FOLDER                             docs/faults.md on stdout
//   drover_faults check DOCUMENT
// Exit: 0 as promised, 1 not, 2 wrong usage, 77 a server program is not installed.
#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "faults/Faults.h"
#include "faults/Results.h"
#include "faults/Rig.h"
#include "support/Skip.h"

using namespace drover::test;

namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;
using std::chrono::seconds;

/// Far beyond the promise: a busy machine is not a fault. The measured time is in the report.
constexpr seconds kLimit{60};

struct Options {
    std::vector<std::string> names;
    std::string results = DROVER_BINARY_DIR "/faults";
    std::string command;
    std::uint64_t seed = 0;
    int kills = 60;
    int rewinds = 4;
    int rounds = 2;
    int times = 0;  ///< 0: as the fault has it.
    bool all = false;
};

struct UsageError : std::runtime_error {
    using std::runtime_error::runtime_error;
};

Options parse(const std::vector<std::string>& words) {
    Options options;
    for (std::size_t i = 0; i < words.size(); ++i) {
        const std::string& word = words[i];
        const auto value = [&]() -> const std::string& {
            if (i + 1 == words.size()) {
                throw UsageError(word + " needs a value");
            }
            return words[++i];
        };
        const auto number = [&]() -> int {
            const std::string& text = value();
            if (text.empty() || text.size() > 9 ||
                text.find_first_not_of("0123456789") != std::string::npos) {
                throw UsageError(word + " needs a number, not \"" + text + '"');
            }
            return std::stoi(text);
        };
        if (word == "--results") {
            options.results = value();
        } else if (word == "--command") {
            options.command = value();
        } else if (word == "--seed") {
            options.seed = static_cast<std::uint64_t>(number());
        } else if (word == "--kills") {
            options.kills = number();
        } else if (word == "--rewinds") {
            options.rewinds = number();
        } else if (word == "--rounds") {
            options.rounds = std::max(1, number());
        } else if (word == "--times") {
            options.times = std::max(1, number());
        } else if (word == "--all") {
            options.all = true;
        } else if (word.rfind("--", 0) == 0) {
            throw UsageError("unknown option " + word);
        } else {
            options.names.push_back(word);
        }
    }
    if (options.seed == 0) {
        options.seed = std::random_device{}();
    }
    return options;
}

void fill(FaultResult& result, const Verdict& verdict) {
    result.accepted = verdict.accepted;
    result.refused = verdict.refused + verdict.unanswered;
    result.lost = verdict.lost();
    result.lostByServer = verdict.lostByServer;
    result.doubled = verdict.doubled();
    result.repeated = verdict.repeated;
    if (!verdict.findings.empty()) {
        result.failure = std::to_string(verdict.findings.size()) + " findings";
    }
}

void print(const FaultResult& result) {
    std::cout << (result.failure.empty() ? "ok      " : "NOT OK  ") << result.name << ": accepted "
              << result.accepted << ", not accepted " << result.refused << ", lost " << result.lost
              << ", lost by the server " << result.lostByServer << ", doubled " << result.doubled
              << ", said twice by the wire " << result.repeated << ", recovered in "
              << result.recoveryMs << " ms" << (result.failure.empty() ? "" : ": " + result.failure)
              << std::endl;
}

/// The fault once; returns the time until a later request was decided.
milliseconds makeFault(Rig& rig, const Fault& fault) {
    if (fault.begin) {
        fault.begin(rig);
    }
    // The length of the fault is the subject of the test, not a wait for an event.
    const auto until = Clock::now() + fault.lasts;
    while (Clock::now() < until) {
        if (fault.repeat) {
            fault.repeat(rig);
        }
        std::this_thread::sleep_until(std::min(until, Clock::now() + fault.every));
    }
    if (fault.end) {
        fault.end(rig);
    }
    return rig.waitForRecovery(Clock::now(), kLimit);
}

/// The fault while a load runs, then the verdict. Fills `result` as far as it gets.
void runFault(const Fault& fault, const Options& options, FaultResult& result) {
    Rig rig(2, options.seed, fault.twoHosts);
    rig.startLoad(150);
    rig.waitForAccepted(150, kLimit);
    for (int time = 0; time < (options.times == 0 ? fault.times : options.times); ++time) {
        result.recoveryMs =
            std::max<std::int64_t>(result.recoveryMs, makeFault(rig, fault).count());
    }
    rig.waitForAccepted(100, kLimit);
    rig.settle(kLimit);
    const Verdict verdict = rig.check(fault.wireRepeats);
    fill(result, verdict);
    std::cout << verdict.text();
}

bool run(const Options& options) {
    std::vector<Fault> chosen;
    for (const Fault& fault : everyFault()) {
        if (options.all || std::find(options.names.begin(), options.names.end(), fault.name) !=
                               options.names.end()) {
            chosen.push_back(fault);
        }
    }
    if (chosen.empty() || (!options.all && chosen.size() != options.names.size())) {
        throw UsageError("unknown fault; `list` names them");
    }
    bool asPromised = true;
    for (const Fault& fault : chosen) {
        FaultResult result;
        result.name = fault.name;
        result.command = options.command.empty() ? "./dev faults NAME" : options.command;
        try {
            runFault(fault, options, result);
        } catch (const MissingService&) {
            throw;
        } catch (const std::exception& error) {
            result.failure = error.what();
        }
        print(result);
        if (!result.failure.empty()) {
            std::cout << "  repeat it with --seed " << options.seed << std::endl;
        }
        asPromised = asPromised && result.failure.empty();
        writeResult(options.results, result);
    }
    return asPromised;
}

/// One round of kills and rewinds under load; returns the time to recover after the last of them.
milliseconds stormRound(Rig& rig, int kills, int rewinds) {
    rig.startLoad(200);
    rig.waitForAccepted(50, kLimit);
    std::mt19937 random(static_cast<unsigned>(rig.random()()));
    const auto draw = [&random](int from, int to) {
        return std::uniform_int_distribution<int>(from, to)(random);
    };
    int rewound = 0;
    int rewindAt = -1;
    for (int kill = 0; kill < kills; ++kill) {
        // A copy is made at the first of the kills that fall to a rewind, and put in place a few kills later.
        if (rewound < rewinds && rewindAt < 0 && kill >= rewound * kills / rewinds) {
            rig.rememberRedis();
            rewindAt = kill + draw(1, std::max(1, kills / rewinds / 2));
        }
        if (rewindAt >= 0 && (kill >= rewindAt || kill == kills - 1)) {
            rig.rewindRedis();
            ++rewound;
            rewindAt = -1;
        }
        std::this_thread::sleep_for(milliseconds(draw(20, 250)));
        if (draw(1, 10) == 1) {
            rig.fleet().killProducer();
            rig.fleet().startProducer();
        } else {
            rig.fleet().killRandomConsumer(random);
        }
    }
    for (; rewound < rewinds; ++rewound) {
        rig.rememberRedis();
        std::this_thread::sleep_for(milliseconds(draw(20, 250)));
        rig.rewindRedis();
    }
    const milliseconds recovered = rig.waitForRecovery(Clock::now(), kLimit);
    rig.settle(kLimit);
    return recovered;
}

bool storm(const Options& options) {
    FaultResult result;
    result.name = kStorm;
    std::cout << "storm: seed " << options.seed << std::endl;
    Rig rig(3, options.seed);
    int kills = 0;
    int rewinds = 0;
    for (int round = 1; round <= options.rounds && result.failure.empty(); ++round) {
        const int killsNow = options.kills * round / options.rounds - kills;
        const int rewindsNow = options.rewinds * round / options.rounds - rewinds;
        try {
            const milliseconds recovered = stormRound(rig, killsNow, rewindsNow);
            result.recoveryMs = std::max<std::int64_t>(result.recoveryMs, recovered.count());
            const Verdict verdict = rig.check();
            fill(result, verdict);
            std::cout << verdict.text();
        } catch (const MissingService&) {
            throw;
        } catch (const std::exception& error) {
            result.failure = error.what();
        }
        kills += killsNow;
        rewinds += rewindsNow;
        result.command = "./dev faults --kills " + std::to_string(kills) + " --rewinds " +
                         std::to_string(rewinds) + " storm";
        if (round == options.rounds && !options.command.empty()) {
            result.command = options.command;
        }
        std::cout << "round " << round << " of " << options.rounds << ": " << kills << " kills and "
                  << rewinds << " rewinds so far; ";
        print(result);
        writeResult(options.results, result);
    }
    return result.failure.empty();
}

bool check(const std::string& path) {
    std::ifstream file(path);
    const std::string document{std::istreambuf_iterator<char>(file),
                               std::istreambuf_iterator<char>()};
    const std::vector<std::string> wrong = checkDocument(document);
    for (const std::string& line : wrong) {
        std::cout << path << ": " << line << '\n';
    }
    return wrong.empty();
}

bool command(const std::vector<std::string>& words) {
    if (words.empty()) {
        throw UsageError("list, run, storm, report or check?");
    }
    const std::vector<std::string> rest(words.begin() + 1, words.end());
    if (words[0] == "list") {
        for (const Fault& fault : everyFault()) {
            std::cout << fault.name << '\t' << fault.promise << '\n';
        }
        std::cout << kStorm << '\t' << stormPromise() << '\n';
        return true;
    }
    if (words[0] == "run") {
        return run(parse(rest));
    }
    if (words[0] == "storm") {
        return storm(parse(rest));
    }
    if (words[0] == "report" && rest.size() == 1) {
        std::cout << makeDocument(readResults(rest[0]));
        return true;
    }
    if (words[0] == "check" && rest.size() == 1) {
        return check(rest[0]);
    }
    throw UsageError("list, run, storm, report FOLDER or check DOCUMENT, not \"" + words[0] + '"');
}

}  // namespace

int main(int argc, char** argv) {
    // A peer that closes its socket must be an error code, not the end of the process.
    std::signal(SIGPIPE, SIG_IGN);
    try {
        return command({argv + 1, argv + argc}) ? 0 : 1;
    } catch (const UsageError& error) {
        std::cerr << "drover_faults: " << error.what() << '\n';
        return 2;
    } catch (const MissingService& error) {
        std::cerr << error.what() << '\n';
        return std::getenv("DROVER_REQUIRE_SERVICES") == nullptr ? 77 : 1;
    } catch (const std::exception& error) {
        std::cerr << "drover_faults: " << error.what() << '\n';
        return 1;
    }
}
