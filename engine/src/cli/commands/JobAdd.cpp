#include <memory>

#include "cli/JobOptionsText.h"
#include "cli/Operated.h"
#include "cli/Table.h"
#include "drover/Exceptions.h"
#include "drover/Json.h"
#include "drover/Queue.h"
#include "drover/operate/OperateJson.h"

namespace drover::cli {

namespace {

constexpr Option kData{"data", "JSON", "the data of the job; default: {}"};
constexpr Option kOpts{"opts", "JSON", "its options, such as {\"delay\": 1000, \"attempts\": 3}"};

/// `drover job add`. Unavailable: it may not have been added. Throws UsageException, ConfigException and RedisIoException.
class JobAdd : public Command {
public:
    JobAdd()
        : Command({"job add",
                   "adds a job to a queue",
                   operateOptions({options::kQueue, kData, kOpts}),
                   "NAME"}) {}

    [[nodiscard]] ExitCode run(const Invocation& call) const override {
        const Operated on(call);
        NewJob job;
        job.name = call.line.arguments()[0];
        if (const std::string data = call.line.value(kData); !data.empty()) {
            job.data = data;
        }
        if (const std::string opts = call.line.value(kOpts); !opts.empty()) {
            job.opts = parseJobOptions(opts);
        }
        Queue::Settings settings;
        settings.prefix = on.prefix();
        settings.name = on.queue();
        settings.bullmq5 = on.bullmq5(settings.name);
        settings.shards = on.shardsOf(settings.name);
        settings.addTimeout = std::chrono::seconds(5);
        Queue queue(on.redis(), settings);
        const AddResult added = queue.add(job);
        switch (added.status) {
            case AddResult::Status::Added:
                break;
            case AddResult::Status::Rejected:
                throw UsageException("the job is refused: " + added.message);
            case AddResult::Status::Unknown:
                throw RedisTimeoutException(
                    "Redis did not answer: the job may have been added, or not");
            default:
                throw RedisIoException("the job was not added: " + added.message);
        }
        const bool isNew = added.match == AddResult::Match::None;
        const Job stored = addedJob(std::move(job), added, on.prefix() + ":" + settings.name);
        const std::string name = stored.queueQualifiedName.substr(on.prefix().size() + 1);
        const JobState state = on.reader(name).state(added.id);
        call.output.print([&](JsonWriter& json) { operate::write(json, stored, state); },
                          [&](std::ostream& text) {
                              text
                                  << "job " << plainText(added.id) << " of " << plainText(name)
                                  << (isNew ? " was added, and is " : " was there already, and is ")
                                  << toString(state) << '\n';
                          });
        return ExitCode::Ok;
    }
};

}  // namespace

std::unique_ptr<Command> makeJobAdd() {
    return std::make_unique<JobAdd>();
}

}  // namespace drover::cli
