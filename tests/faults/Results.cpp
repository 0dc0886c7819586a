#include "faults/Results.h"

#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>
#include <stdexcept>
#include <utility>

#include "faults/Faults.h"

namespace drover::test {

namespace {

struct Promise {
    std::string name;
    std::string text;
};

std::vector<Promise> promises() {
    std::vector<Promise> all;
    for (const Fault& fault : everyFault()) {
        all.push_back({fault.name, fault.promise});
    }
    all.push_back({kStorm, stormPromise()});
    return all;
}

std::string oneLine(std::string text) {
    for (char& c : text) {
        c = c == '\t' || c == '\n' || c == '\r' ? ' ' : c;
    }
    return text;
}

std::string seconds(std::int64_t milliseconds) {
    const std::int64_t tenths = (milliseconds + 50) / 100;
    return std::to_string(tenths / 10) + "." + std::to_string(tenths % 10);
}

std::string rowBegin(const Promise& promise) {
    return "| " + promise.name + " | " + promise.text + " |";
}

std::string beside(std::int64_t count, std::int64_t other, const std::string& who) {
    return std::to_string(count) +
           (other == 0 ? "" : " (" + std::to_string(other) + " by " + who + ")");
}

constexpr const char* kHead = R"(# Faults and promises

Each row is a fault that `tests/faults` makes while one producer and its consumers, as real processes, work under load. They
reach a real Redis and a real PostgreSQL through two proxies. The load writes each request and each answer to a log before it
goes on. When all jobs are done, a checker compares that log with the database and Redis:

- each accepted request has exactly one outcome, for its own event and user, and no other request was given its job;
- each reservation belongs to one outcome, no user has two seats of an event, no event is oversold, counters are the number of
  their rows, and each rejection has its cause;
- Redis holds no job that is still to be done, in two lists or in none, no lock without an active job, no leftover key.

`CheckerTest` plants mistakes of each kind, and requires that exactly the planted one is found.

A server may lose data that it had confirmed, which no client can bring back. The rig counts such losses, and excuses nothing
else:

- When Redis is rewound or emptied, or a replica takes its place, the rig first cuts off every client. It reads the jobs before
  and after. Where two masters lived beside each other, it reads the jobs of the demoted one alone.
- When PostgreSQL is rewound, the rig reads the outcomes before and after. A lost outcome is excused only if its job is done, and
  so gone from Redis; jobs that Redis still has must be decided again. A user who got a seat in the lost time may find it sold
  to another: the seat went with the outcome.

`./dev faults` repeats everything, `./dev faults NAME` one row. The rows were made by:

)";

constexpr const char* kLegend = R"(
*Accepted* counts 201 answers; *not accepted* every other answer, and requests without one, such as those sent while no producer
ran. *Lost* counts accepted requests without outcome; requests that a server lost by itself are in brackets. *Doubled* counts
effects that happened twice or beyond a limit; in brackets are jobs of requests that a middlebox sent twice, which hold no
second seat. *Seconds* is the time from the end of the fault until a later request was decided, on a machine of two cores
that did other work as well.

| Fault | Promise | Accepted | Not accepted | Lost | Doubled | Seconds | |
|---|---|---|---|---|---|---|---|
)";

}  // namespace

void writeResult(const std::string& folder, const FaultResult& result) {
    std::filesystem::create_directories(folder);
    std::ofstream file(folder + "/" + result.name, std::ios::trunc);
    file << result.name << '\t' << oneLine(result.command) << '\t' << result.accepted << '\t'
         << result.refused << '\t' << result.lost << '\t' << result.lostByServer << '\t'
         << result.doubled << '\t' << result.repeated << '\t' << result.recoveryMs << '\t'
         << oneLine(result.failure) << '\n';
    if (!file.flush()) {
        throw std::runtime_error("cannot write the result of " + result.name + " to " + folder);
    }
}

std::map<std::string, FaultResult> readResults(const std::string& folder) {
    std::map<std::string, FaultResult> results;
    if (!std::filesystem::is_directory(folder)) {
        return results;
    }
    for (const auto& entry : std::filesystem::directory_iterator(folder)) {
        std::ifstream file(entry.path());
        std::string line;
        std::getline(file, line);
        std::vector<std::string> fields;
        std::istringstream text(line + '\t');
        for (std::string field; std::getline(text, field, '\t');) {
            fields.push_back(field);
        }
        if (fields.size() != 10) {
            throw std::runtime_error("not a result: " + entry.path().string());
        }
        results[fields[0]] = {fields[0],
                              fields[1],
                              std::stoll(fields[2]),
                              std::stoll(fields[3]),
                              std::stoll(fields[4]),
                              std::stoll(fields[5]),
                              std::stoll(fields[6]),
                              std::stoll(fields[7]),
                              std::stoll(fields[8]),
                              fields[9]};
    }
    return results;
}

std::string makeDocument(const std::map<std::string, FaultResult>& results) {
    std::ostringstream out;
    out << kHead;
    std::set<std::string> commands;
    for (const auto& [name, result] : results) {
        if (commands.insert(result.command).second) {
            out << "- `" << result.command << "`\n";
        }
    }
    out << kLegend;
    for (const Promise& promise : promises()) {
        out << rowBegin(promise);
        const auto found = results.find(promise.name);
        if (found == results.end()) {
            out << " not run | | | | | |\n";
            continue;
        }
        const FaultResult& result = found->second;
        out << ' ' << result.accepted << " | " << result.refused << " | "
            << beside(result.lost, result.lostByServer, "the server") << " | "
            << beside(result.doubled, result.repeated, "the wire") << " | "
            << seconds(result.recoveryMs) << " | "
            << (result.failure.empty() ? "as promised" : "**not as promised**: " + result.failure)
            << " |\n";
    }
    return out.str();
}

std::vector<std::string> checkDocument(const std::string& document) {
    std::vector<std::string> wrong;
    std::vector<std::string> rows;
    std::istringstream lines(document);
    bool table = false;
    for (std::string line; std::getline(lines, line);) {
        if (line.rfind("|---", 0) == 0) {
            table = true;
        } else if (table && line.rfind("| ", 0) == 0) {
            rows.push_back(line);
        }
    }
    for (const Promise& promise : promises()) {
        bool found = false;
        for (const std::string& row : rows) {
            if (row.rfind("| " + promise.name + " |", 0) != 0) {
                continue;
            }
            found = true;
            if (row.rfind(rowBegin(promise), 0) != 0) {
                wrong.push_back(promise.name + ": the code promises otherwise than: " + row);
            }
            if (row.find("| not run |") != std::string::npos) {
                wrong.push_back(promise.name + ": was not run");
            }
            if (row.find("**not as promised**") != std::string::npos) {
                wrong.push_back(promise.name + ": its promise was not kept: " + row);
            }
        }
        if (!found) {
            wrong.push_back(promise.name + ": is not there");
        }
    }
    if (rows.size() != promises().size()) {
        wrong.push_back(std::to_string(rows.size()) + " rows of " +
                        std::to_string(promises().size()) + " faults");
    }
    return wrong;
}

}  // namespace drover::test
