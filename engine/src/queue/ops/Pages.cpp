#include "queue/ops/Pages.h"

#include <algorithm>

#include <Poco/Exception.h>

#include "core/JobHash.h"
#include "core/NodeNumber.h"
#include "drover/Exceptions.h"
#include "queue/ScriptCall.h"
#include "queue/ops/Replies.h"

namespace drover::ops {

namespace {

/// Bounds the ids of one script call, whose time Redis spends for it alone.
constexpr std::int64_t kIdsPerCall = 1000;
/// Bounds the hashes that are under way at once.
constexpr std::size_t kHashesPerTrip = 1000;
/// Bounds the reasons of a reply: reasons may be long, and all different.
constexpr int kReasonBytes = 1024;

/// Returns the place of the state's key among those of getPages, from 1.
int indexOf(JobState state) {
    switch (state) {
        case JobState::Completed:
            return 1;
        case JobState::Failed:
            return 2;
        case JobState::Delayed:
            return 3;
        case JobState::Prioritized:
            return 4;
        case JobState::Active:
            return 5;
        case JobState::Waiting:
            return 6;
        case JobState::WaitingChildren:
            return 8;
        case JobState::Unknown:
            break;
    }
    throw Poco::InvalidArgumentException(
        "jobs of the state \"unknown\" cannot be listed: no key holds their ids");
}

const char* nameOf(PageRange::Order order) {
    return order == PageRange::Order::Ascending ? "asc" : "desc";
}

/// One state's part of a page, as one call returned it.
struct IdPage {
    std::int64_t length = 0, first = 0, last = 0, next = 0;
    std::vector<std::string> ids;
};

std::vector<IdPage> readIds(const QueueContext& queue,
                            RedisClient& redis,
                            const std::vector<JobState>& states,
                            const PageRange& range,
                            std::int64_t most) {
    static const ScriptCall kScript("getPages");
    Command command = kScript.begin(redis, queue, 5 + states.size());
    command.add(queue.keys().jobPrefix());
    command.add(range.start).add(range.end).add(nameOf(range.order)).add(most);
    for (const JobState state : states) {
        command.add(indexOf(state));
    }
    const Reply reply = redis.run(command);
    std::vector<IdPage> pages;
    for (std::size_t i = 0; i < states.size(); ++i) {
        const ReplyView part = reply.at(i);
        IdPage page{part.at(0).integer(),
                    part.at(1).integer(),
                    part.at(2).integer(),
                    part.at(3).integer(),
                    {}};
        for (std::size_t k = 4; k < part.size(); ++k) {
            page.ids.emplace_back(part.at(k).text());
        }
        pages.push_back(std::move(page));
    }
    return pages;
}

/// Reads what the first call, with its bound of ids, left of one state.
void readRest(
    const QueueContext& queue, RedisClient& redis, JobState state, PageRange range, IdPage& page) {
    while (true) {
        const std::int64_t missing =
            page.last - page.first + 1 - static_cast<std::int64_t>(page.ids.size());
        if (missing <= 0 || page.next >= page.length) {
            return;
        }
        const std::int64_t most = std::min(missing, kIdsPerCall);
        range.start = page.next;
        range.end = page.next + missing - 1;
        const IdPage more = readIds(queue, redis, {state}, range, most).front();
        page.length = more.length;
        page.next = more.next;
        page.ids.insert(page.ids.end(), more.ids.begin(), more.ids.end());
        if (static_cast<std::int64_t>(more.ids.size()) < most) {
            return;
        }
    }
}

void readHashes(const QueueContext& queue,
                RedisClient& redis,
                const std::vector<std::string>& ids,
                JobPage& page) {
    for (std::size_t begin = 0; begin < ids.size(); begin += kHashesPerTrip) {
        const std::size_t end = std::min(begin + kHashesPerTrip, ids.size());
        std::vector<Command> commands;
        commands.reserve(end - begin);
        for (std::size_t i = begin; i < end; ++i) {
            commands.emplace_back(Command{"HGETALL"}).own(queue.keys().job(ids[i]));
        }
        const std::vector<Reply> replies = redis.runAll(commands);
        for (std::size_t i = begin; i < end; ++i) {
            const Reply& reply = replies[i - begin];
            if (reply.isError() && classifyError(reply.text()) == ReplyClass::WrongType) {
                page.unreadable.push_back({ids[i], "its key is not a hash"});
                continue;
            }
            redis.require(reply, "HGETALL", queue.keys().job(ids[i]));
            if (reply.size() == 0) {
                continue;  // Removed between the two trips.
            }
            JobHash hash;
            setFields(hash, reply);
            try {
                page.jobs.push_back(parseJobHash(ids[i], queue.keys().qualifiedName(), hash));
            } catch (const JobFormatException& error) {
                page.unreadable.push_back({ids[i], error.message()});
            }
        }
    }
}

}  // namespace

JobPage jobs(const QueueContext& queue,
             RedisClient& redis,
             const std::vector<JobState>& states,
             const PageRange& range) {
    JobPage page;
    if (states.empty()) {
        return page;
    }
    const std::int64_t most =
        std::max<std::int64_t>(1, kIdsPerCall / static_cast<std::int64_t>(states.size()));
    std::vector<IdPage> parts = readIds(queue, redis, states, range, most);
    std::vector<std::string> ids;
    for (std::size_t i = 0; i < states.size(); ++i) {
        // Fewer: the state has no more, or too many ids without a job.
        if (static_cast<std::int64_t>(parts[i].ids.size()) == most) {
            readRest(queue, redis, states[i], range, parts[i]);
        }
        ids.insert(ids.end(), parts[i].ids.begin(), parts[i].ids.end());
    }
    readHashes(queue, redis, ids, page);
    return page;
}

JobLogs logs(const QueueContext& queue,
             RedisClient& redis,
             const std::string& id,
             const PageRange& range) {
    const std::string key = queue.keys().job(id) + ":logs";
    const bool ascending = range.order == PageRange::Order::Ascending;
    // Place 0 from the end has the index -1, and the last place, -1, the index 0.
    const std::int64_t first = ascending ? range.start : -(range.end + 1);
    const std::int64_t last = ascending ? range.end : -(range.start + 1);
    std::vector<Command> commands;
    commands.push_back(Command{"LLEN", key});
    commands.emplace_back(Command{"LRANGE", key}).add(first).add(last);
    const std::vector<Reply> replies = redis.runAll(commands);
    redis.require(replies[0], "LLEN", key);
    redis.require(replies[1], "LRANGE", key);
    JobLogs logs{textsOf(replies[1]), replies[0].integer()};
    if (!ascending) {
        std::reverse(logs.rows.begin(), logs.rows.end());
    }
    return logs;
}

FailedReasons failedReasons(const QueueContext& queue,
                            RedisClient& redis,
                            std::int64_t start,
                            int most) {
    static const ScriptCall kScript("getFailedReasons");
    Command command = kScript.begin(redis, queue, 4);
    command.add(queue.keys().jobPrefix()).add(start).add(most).add(kReasonBytes);
    const Reply reply = redis.run(command);
    FailedReasons summary;
    summary.failed = reply.at(0).integer();
    summary.seen = reply.at(1).integer();
    for (std::size_t i = 2; i + 3 < reply.size(); i += 4) {
        FailedReasons::Reason reason;
        reason.text = reply.at(i).text();
        reason.count = reply.at(i + 1).integer();
        reason.latestId = reply.at(i + 2).text();
        reason.latestMs = nodeLeadingInteger(reply.at(i + 3).text());
        summary.reasons.push_back(std::move(reason));
    }
    // Stable: of reasons that are equally frequent, the latest one comes first.
    std::stable_sort(summary.reasons.begin(),
                     summary.reasons.end(),
                     [](const auto& a, const auto& b) { return a.count > b.count; });
    return summary;
}

}  // namespace drover::ops
