#include <memory>

#include "cli/Operated.h"
#include "cli/Table.h"
#include "drover/operate/OperateJson.h"

namespace drover::cli {

namespace {

constexpr Option kState{"state",
                        "STATE",
                        "waiting (the default), active, delayed, prioritized, waiting-children, "
                        "completed or failed"};
constexpr Option kStart{"start", "NUMBER", "the place of the first job; default: 0"};
constexpr Option kCount{"count", "NUMBER", "the most jobs, up to 1000; default: 20"};
constexpr Option kOldest{
    "ascending", nullptr, "begins with the job that runs next, or with the earliest time"};

/// Returns the time that orders the jobs of a state, and a word on it.
std::string timeOf(const Job& job, JobState state) {
    switch (state) {
        case JobState::Completed:
        case JobState::Failed:
            return timeText(job.finishedOnMs);
        case JobState::Active:
            return timeText(job.processedOnMs);
        case JobState::Delayed:
            return timeText(job.timestampMs + job.delayMs.value_or(0));
        default:
            return timeText(job.timestampMs);
    }
}

const char* titleOf(JobState state) {
    switch (state) {
        case JobState::Completed:
        case JobState::Failed:
            return "ENDED";
        case JobState::Active:
            return "BEGAN";
        case JobState::Delayed:
            return "DUE";
        default:
            return "ADDED";
    }
}

/// `drover job list`. Throws UsageException, ConfigException and RedisIoException.
class JobList : public Command {
public:
    JobList()
        : Command(
              {"job list",
               "lists jobs of a state",
               operateOptions({options::kQueue, kState, kStart, kCount, kOldest, options::kWatch}),
               "",
               "The latest jobs come first, unless --ascending is given.\n"}) {}

    [[nodiscard]] ExitCode run(const Invocation& call) const override {
        const Operated on(call);
        const auto number = [&](const Option& option, std::int64_t otherwise, std::int64_t most) {
            const std::string text = call.line.value(option);
            return text.empty() ? otherwise
                                : parseInteger(option.name, text, otherwise == 0 ? 0 : 1, most);
        };
        const std::string given = call.line.value(kState);
        const JobState state = given.empty() ? JobState::Waiting : parseJobState(given);
        PageRange range;
        range.start = number(kStart, 0, std::int64_t{1} << 40);
        range.end = range.start + number(kCount, 20, 1000) - 1;
        range.order =
            call.line.has(kOldest) ? PageRange::Order::Ascending : PageRange::Order::Descending;
        const QueueReader reader = on.reader(on.queueOfJobs());
        return watched(call, [&](Output& output) {
            const JobPage page = reader.jobs({state}, range);
            const std::int64_t count = reader.count({state});
            output.print([&](JsonWriter& json) { operate::write(json, page, state, count); },
                         [&](std::ostream& text) {
                             write(text, page, state, count, call.terminal.columns());
                         });
            return ExitCode::Ok;
        });
    }

private:
    static void write(
        std::ostream& text, const JobPage& page, JobState state, std::int64_t count, int width) {
        Table table({{"ID"},
                     {"NAME"},
                     {titleOf(state)},
                     {"ATTEMPTS", Table::Align::Right},
                     {state == JobState::Failed ? "REASON" : "DATA"}});
        for (const Job& job : page.jobs) {
            table.add({job.id,
                       job.name,
                       timeOf(job, state),
                       std::to_string(job.attemptsMade),
                       cut(plainText(state == JobState::Failed ? job.failedReason.value_or("")
                                                               : job.data),
                           60)});
        }
        for (const JobPage::Unreadable& job : page.unreadable) {
            table.add({job.id, "-", "-", "-", job.why});
        }
        if (!table.empty()) {
            table.write(text, width);
        }
        text << page.jobs.size() + page.unreadable.size() << " of " << count << ' '
             << toString(state) << (count == 1 ? " job\n" : " jobs\n");
    }
};

}  // namespace

std::unique_ptr<Command> makeJobList() {
    return std::make_unique<JobList>();
}

}  // namespace drover::cli
