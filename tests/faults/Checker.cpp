#include "faults/Checker.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <optional>
#include <rapidjson/document.h>
#include <set>
#include <stdexcept>
#include <tuple>
#include <utility>

#include "support/OrphanScan.h"

namespace drover::test {

namespace {

/// Every job of a queue that a list has: list, id, timestamp, data, "1" if it is locked. KEYS are the lists.
constexpr const char* kReadJobs = R"(
local found = {}
for i = 1, #KEYS do
  local kind = redis.call("TYPE", KEYS[i]).ok
  local ids = {}
  if kind == "list" then ids = redis.call("LRANGE", KEYS[i], 0, -1)
  elseif kind == "zset" then ids = redis.call("ZRANGE", KEYS[i], 0, -1) end
  for _, id in ipairs(ids) do
    local key = ARGV[1] .. id
    local values = redis.call("TYPE", key).ok == "hash" and redis.call("HMGET", key, "timestamp", "data") or {}
    found[#found + 1] = {KEYS[i], id, values[1] or "", values[2] or "",
                         tostring(redis.call("EXISTS", key .. ":lock"))}
  end
end
return found
)";

using Seat = std::pair<std::int64_t, std::int64_t>;  // event and user

std::string words(const Ask& ask) {
    return "user " + std::to_string(ask.userId) + " at event " + std::to_string(ask.eventId);
}

std::optional<Ask> askIn(const std::string& data) {
    rapidjson::Document json;
    json.Parse(data.data(), data.size());
    if (json.HasParseError() || !json.IsObject() || !json.HasMember("eventId") ||
        !json["eventId"].IsInt64() || !json.HasMember("userId") || !json["userId"].IsInt64()) {
        return std::nullopt;
    }
    return Ask{json["eventId"].GetInt64(), json["userId"].GetInt64()};
}

bool lostByServer(const Answer& answer, const std::vector<LossWindow>& windows) {
    return std::any_of(windows.begin(), windows.end(), [&answer](const LossWindow& window) {
        return answer.sentMs <= window.untilMs && answer.answeredMs >= window.fromMs;
    });
}

}  // namespace

/// The jobs that lists have.
struct Checker::Jobs {
    struct Job {
        std::string list;
        std::string id;
        std::string timestamp;
        std::string data;
        bool locked = false;
    };
    std::vector<Job> all;
    std::set<JobKey> unfinished;
    std::map<JobKey, std::string> dataOf;
};

namespace {

Checker::Jobs readJobs(QueueState& queue) {
    using Jobs = Checker::Jobs;
    const QueueKeys& keys = queue.keys();
    const std::vector<std::string> toDo = {
        keys.wait, keys.paused, keys.active, keys.prioritized, keys.delayed, keys.waitingChildren};
    // Read-only: it works on a replica, and while writes have to wait.
    std::vector<std::string> command = {"EVAL_RO", kReadJobs, std::to_string(toDo.size() + 2)};
    command.insert(command.end(), toDo.begin(), toDo.end());
    command.insert(command.end(), {keys.completed, keys.failed, keys.jobPrefix()});
    const Reply reply = queue.call(command);
    Jobs jobs;
    for (std::size_t i = 0; i < reply.size(); ++i) {
        const ReplyView row = reply.at(i);
        Jobs::Job job{std::string(row.at(0).text()),
                      std::string(row.at(1).text()),
                      std::string(row.at(2).text()),
                      std::string(row.at(3).text()),
                      row.at(4).text() == "1"};
        if (!job.timestamp.empty()) {
            const JobKey key{job.id, std::stoll(job.timestamp)};
            jobs.dataOf[key] = job.data;
            if (std::find(toDo.begin(), toDo.end(), job.list) != toDo.end()) {
                jobs.unfinished.insert(key);
            }
        }
        jobs.all.push_back(std::move(job));
    }
    return jobs;
}

}  // namespace

std::set<JobKey> unfinishedJobs(QueueState& queue) {
    return readJobs(queue).unfinished;
}

std::set<JobKey> allJobs(QueueState& queue) {
    std::set<JobKey> all;
    for (const auto& [key, data] : readJobs(queue).dataOf) {
        all.insert(key);
    }
    return all;
}

std::set<JobKey> decidedJobs(Ledger& ledger, const std::string& table) {
    std::set<JobKey> decided;
    const store::Result rows =
        ledger.session().execute("SELECT job_id, job_timestamp_ms FROM " + table);
    for (int row = 0; row < rows.rows(); ++row) {
        decided.emplace(rows.text(row, 0), rows.bigint(row, 1));
    }
    return decided;
}

std::set<JobKey> lostJobs(const std::set<JobKey>& before,
                          const std::set<JobKey>& after,
                          const std::set<JobKey>& elsewhere) {
    std::set<JobKey> lost;
    std::copy_if(
        before.begin(), before.end(), std::inserter(lost, lost.end()), [&](const JobKey& job) {
            return after.count(job) + elsewhere.count(job) == 0;
        });
    return lost;
}

std::string nameOf(Mistake mistake) {
    switch (mistake) {
        case Mistake::Lost:
            return "lost";
        case Mistake::AnsweredTwice:
            return "answered twice";
        case Mistake::OtherRequest:
            return "outcome of another request";
        case Mistake::UnaskedOutcome:
            return "outcome without request";
        case Mistake::OutcomeWithoutRow:
            return "outcome without its reservation";
        case Mistake::RowWithoutOutcome:
            return "reservation without outcome";
        case Mistake::RowOfTwoOutcomes:
            return "reservation of two outcomes";
        case Mistake::RowDiffers:
            return "reservation differs from its outcome";
        case Mistake::WrongStatus:
            return "wrong status";
        case Mistake::UserTwice:
            return "user twice";
        case Mistake::Oversold:
            return "oversold";
        case Mistake::WrongCounter:
            return "wrong counter";
        case Mistake::RejectedWithoutCause:
            return "rejected without cause";
        case Mistake::LeftToDo:
            return "left to do";
        case Mistake::ActiveWithoutLock:
            return "active without lock";
        case Mistake::InNoList:
            return "in no list";
        case Mistake::InTwoLists:
            return "in two lists";
        case Mistake::GhostId:
            return "id without job";
        case Mistake::OrphanedLock:
            return "lock without active job";
        case Mistake::WrongJob:
            return "job with other data";
        case Mistake::Leftover:
            return "leftover key";
    }
    throw std::invalid_argument("no such mistake");
}

std::int64_t Verdict::doubled() const {
    return std::count_if(findings.begin(), findings.end(), [](const Finding& finding) {
        return finding.mistake == Mistake::AnsweredTwice ||
               finding.mistake == Mistake::UnaskedOutcome ||
               finding.mistake == Mistake::RowOfTwoOutcomes ||
               finding.mistake == Mistake::RowWithoutOutcome ||
               finding.mistake == Mistake::UserTwice || finding.mistake == Mistake::Oversold;
    });
}

std::int64_t Verdict::lost() const {
    return std::count_if(findings.begin(), findings.end(), [](const Finding& finding) {
        return finding.mistake == Mistake::Lost || finding.mistake == Mistake::OutcomeWithoutRow;
    });
}

std::string Verdict::text(std::size_t most) const {
    std::string all;
    for (std::size_t i = 0; i < findings.size() && i < most; ++i) {
        all += "    " + nameOf(findings[i].mistake) + ": " + findings[i].text + '\n';
    }
    if (findings.size() > most) {
        all += "    and " + std::to_string(findings.size() - most) + " more\n";
    }
    return all;
}

Verdict Checker::check(const AcceptanceLog::Contents& log) {
    Verdict verdict;
    const Jobs jobs = readJobs(queue_);
    checkRequests(log, jobs, verdict);
    checkRows(verdict);
    checkQueue(jobs, verdict);
    return verdict;
}

void Checker::checkRequests(const AcceptanceLog::Contents& log,
                            const Jobs& jobs,
                            Verdict& verdict) {
    std::map<JobKey, Ask> outcomes;
    const store::Result rows = ledger_.session().execute(
        "SELECT job_id, job_timestamp_ms, event_id, user_id FROM reservation_outcomes");
    for (int row = 0; row < rows.rows(); ++row) {
        outcomes[{std::string(rows.text(row, 0)), rows.bigint(row, 1)}] = {rows.bigint(row, 2),
                                                                           rows.bigint(row, 3)};
    }
    std::map<JobKey, const Answer*> givenTo;
    std::map<Seat, int> undecided;  // Requests with an unknown job: each may have one outcome.
    std::set<Seat> asked;
    for (const Answer& answer : log.answers) {
        const Seat seat{answer.ask.eventId, answer.ask.userId};
        asked.insert(seat);
        if (!answer.accepted()) {
            ++(answer.status == 0 ? verdict.unanswered : verdict.refused);
            ++undecided[seat];
            continue;
        }
        ++verdict.accepted;
        const JobKey key{answer.jobId, answer.timestampMs};
        const auto [given, first] = givenTo.emplace(key, &answer);
        if (!first) {
            ++undecided[seat];
            verdict.findings.push_back({Mistake::AnsweredTwice,
                                        "job " + answer.jobId + " was given to " +
                                            words(given->second->ask) + " and to " +
                                            words(answer.ask)});
            continue;
        }
        const auto data = jobs.dataOf.find(key);
        if (data != jobs.dataOf.end()) {
            const std::optional<Ask> ask = askIn(data->second);
            if (!ask || ask->eventId != answer.ask.eventId || ask->userId != answer.ask.userId) {
                verdict.findings.push_back({Mistake::WrongJob,
                                            "job " + answer.jobId + " of " + words(answer.ask) +
                                                " has the data " + data->second});
            }
        }
        const auto outcome = outcomes.find(key);
        if (outcome == outcomes.end()) {
            if (jobs.unfinished.count(key) > 0) {
                continue;  // Left to do, which checkQueue() reports.
            }
            if (log.lostJobs.count(key) > 0 || lostByServer(answer, log.windows)) {
                ++verdict.lostByServer;
                continue;
            }
            verdict.findings.push_back({Mistake::Lost,
                                        "job " + answer.jobId + " of " + words(answer.ask) +
                                            ", accepted at " + std::to_string(answer.timestampMs)});
            continue;
        }
        if (outcome->second.eventId != answer.ask.eventId ||
            outcome->second.userId != answer.ask.userId) {
            verdict.findings.push_back({Mistake::OtherRequest,
                                        "job " + answer.jobId + " was asked for by " +
                                            words(answer.ask) + " and decided for " +
                                            words(outcome->second)});
        }
        outcomes.erase(outcome);
    }
    for (const auto& [key, ask] : outcomes) {
        const Seat seat{ask.eventId, ask.userId};
        const auto open = undecided.find(seat);
        if (open != undecided.end() && open->second > 0) {
            --open->second;
        } else if (wireRepeats_ && asked.count(seat) > 0) {
            ++verdict.repeated;
        } else {
            verdict.findings.push_back(
                {Mistake::UnaskedOutcome, "job " + key.first + " for " + words(ask)});
        }
    }
}

void Checker::checkRows(Verdict& verdict) {
    const auto find = [&](Mistake mistake, const std::string& sql) {
        const store::Result rows = ledger_.session().execute(sql);
        for (int row = 0; row < rows.rows(); ++row) {
            verdict.findings.push_back({mistake, std::string(rows.text(row, 0))});
        }
    };
    find(Mistake::OutcomeWithoutRow,
         "SELECT 'job ' || o.job_id || ' has reservation ' || o.reservation_id"
         " FROM reservation_outcomes o LEFT JOIN reservations r ON r.id = o.reservation_id"
         " WHERE o.reservation_id IS NOT NULL AND r.id IS NULL");
    find(Mistake::RowWithoutOutcome,
         "SELECT 'reservation ' || r.id || ' of user ' || r.user_id || ' at event ' || r.event_id"
         " FROM reservations r LEFT JOIN reservation_outcomes o ON o.reservation_id = r.id"
         " WHERE o.reservation_id IS NULL");
    find(Mistake::RowOfTwoOutcomes,
         "SELECT 'reservation ' || reservation_id || ' of jobs ' || string_agg(job_id, ', ')"
         " FROM reservation_outcomes WHERE reservation_id IS NOT NULL"
         " GROUP BY reservation_id HAVING count(*) > 1");
    find(Mistake::RowDiffers,
         "SELECT 'reservation ' || r.id || ' of job ' || o.job_id"
         " FROM reservations r JOIN reservation_outcomes o ON o.reservation_id = r.id"
         " WHERE r.user_id <> o.user_id OR r.event_id <> o.event_id");
    find(Mistake::WrongStatus,
         "SELECT 'reservation ' || id || ' is ' || status FROM reservations"
         " WHERE status <> 'RESERVED'");
    find(Mistake::UserTwice,
         "SELECT 'user ' || user_id || ' has ' || count(*) || ' seats at event ' || event_id"
         " FROM reservations GROUP BY event_id, user_id HAVING count(*) > 1");
    find(Mistake::Oversold,
         "SELECT 'event ' || e.id || ' has ' || e.max_tickets || ' tickets and ' || count(*)"
         " || ' reservations' FROM events e JOIN reservations r ON r.event_id = e.id"
         " WHERE r.status = 'RESERVED' GROUP BY e.id, e.max_tickets HAVING count(*) > "
         "e.max_tickets");
    find(Mistake::WrongCounter,
         "SELECT 'event ' || e.id || ' counts ' || e.reserved || ' and has ' || count(r.id)"
         " FROM events e LEFT JOIN reservations r ON r.event_id = e.id AND r.status = 'RESERVED'"
         " GROUP BY e.id, e.reserved HAVING count(r.id) <> e.reserved");
    find(Mistake::RejectedWithoutCause,
         "SELECT 'job ' || o.job_id || ' of user ' || o.user_id || ' at event ' || o.event_id"
         " || ': ' || o.reason FROM reservation_outcomes o"
         " LEFT JOIN events e ON e.id = o.event_id LEFT JOIN users u ON u.id = o.user_id"
         " WHERE o.state = 'REJECTED' AND NOT CASE o.reason"
         " WHEN 'sold out' THEN (SELECT count(*) FROM reservations r WHERE r.event_id = e.id)"
         " >= e.max_tickets"
         " WHEN 'already reserved' THEN EXISTS (SELECT 1 FROM reservations r"
         " WHERE r.event_id = o.event_id AND r.user_id = o.user_id)"
         " WHEN 'unknown event' THEN e.id IS NULL WHEN 'unknown user' THEN u.id IS NULL"
         " ELSE false END");
}

void Checker::checkQueue(const Jobs& jobs, Verdict& verdict) {
    const QueueKeys& keys = queue_.keys();
    for (const Jobs::Job& job : jobs.all) {
        if (job.timestamp.empty() || job.list == keys.completed || job.list == keys.failed) {
            continue;
        }
        const bool held = job.list != keys.active || job.locked;
        verdict.findings.push_back({held ? Mistake::LeftToDo : Mistake::ActiveWithoutLock,
                                    "job " + job.id + " in " + job.list});
    }
    for (const std::string& orphan : findOrphans(queue_.client(), keys.jobPrefix() + "*")) {
        const auto has = [&orphan](const char* text) {
            return orphan.find(text) != std::string::npos;
        };
        const Mistake mistake = has("which has no") ? Mistake::GhostId
                                : has(" locks a ")  ? Mistake::OrphanedLock
                                : has(" and in ")   ? Mistake::InTwoLists
                                : has(" in no set") ? Mistake::InNoList
                                                    : Mistake::Leftover;
        verdict.findings.push_back({mistake, orphan});
    }
    const Reply all = queue_.call({"KEYS", "*"});
    for (std::size_t i = 0; i < all.size(); ++i) {
        const std::string key(all.at(i).text());
        if (key.rfind(keys.jobPrefix(), 0) != 0 && !QueueState::isReport(key)) {
            verdict.findings.push_back({Mistake::Leftover, key});
        }
    }
}

}  // namespace drover::test
