#include <memory>
#include <sstream>

#include "cli/Operated.h"
#include "cli/Table.h"
#include "drover/Exceptions.h"
#include "drover/Json.h"
#include "drover/operate/OperateJson.h"

namespace drover::cli {

namespace {

void write(std::ostream& text, const Job& job, JobState state) {
    const auto line = [&text](const std::string& name, const std::string& value) {
        text << "  " << name << std::string(14 - name.size(), ' ') << plainText(value) << '\n';
    };
    text << "job " << plainText(job.id) << " of " << plainText(job.queueQualifiedName) << ": "
         << toString(state) << '\n';
    line("name", job.name);
    line("data", job.data);
    line("opts", job.opts.toPublicJson());
    line("added", timeText(job.timestampMs));
    if (job.delayMs.value_or(0) > 0) {
        line("delay", durationText(*job.delayMs));
    }
    if (job.priority > 0) {
        line("priority", std::to_string(job.priority));
    }
    line("attempts",
         std::to_string(job.attemptsMade) + " made, " + std::to_string(job.attemptsStarted) +
             " started");
    if (job.stalledCounter > 0) {
        line("stalled", std::to_string(job.stalledCounter));
    }
    line("progress", job.progress);
    if (job.processedOnMs) {
        line("began",
             timeText(job.processedOnMs) + (job.processedBy ? ", " + *job.processedBy : ""));
    }
    if (job.finishedOnMs) {
        line("ended", timeText(job.finishedOnMs));
    }
    if (job.returnValue) {
        line("result", *job.returnValue);
    }
    if (job.failedReason) {
        line("failed", *job.failedReason);
    }
    if (job.parentKey) {
        line("parent", *job.parentKey);
    }
    if (job.repeatJobKey) {
        line("scheduler", *job.repeatJobKey);
    }
    if (job.deduplicationId) {
        line("deduplication", *job.deduplicationId);
    }
    if (const auto traces = JsonView::tryParse(job.stacktrace.value_or("[]"))) {
        for (const JsonView& trace : traces->elements()) {
            std::istringstream lines(trace.string().value_or(""));
            for (std::string one; std::getline(lines, one);) {
                text << "    " << plainText(one) << '\n';
            }
        }
    }
}

/// `drover job show`. NotThere: there is no such job. Throws UsageException, ConfigException, JobFormatException and
/// RedisIoException.
class JobShow : public Command {
public:
    JobShow()
        : Command({"job show",
                   "shows a job",
                   operateOptions({options::kQueue, options::kWatch}),
                   "ID",
                   "Exit code 66: there is no such job.\n"}) {}

    [[nodiscard]] ExitCode run(const Invocation& call) const override {
        const Operated on(call);
        const std::string& id = call.line.arguments()[0];
        const std::string name = on.queueOfJobs();
        const QueueReader reader = on.reader(name);
        return watched(call, [&](Output& output) {
            const auto job = reader.job(id);
            if (!job) {
                throw JobStateException("there is no job " + id + " in " + name);
            }
            const JobState state = reader.state(id);
            output.print([&](JsonWriter& json) { operate::write(json, *job, state); },
                         [&](std::ostream& text) { write(text, *job, state); });
            return ExitCode::Ok;
        });
    }
};

}  // namespace

std::unique_ptr<Command> makeJobShow() {
    return std::make_unique<JobShow>();
}

}  // namespace drover::cli
