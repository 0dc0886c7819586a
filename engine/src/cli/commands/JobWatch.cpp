#include <chrono>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "cli/Operated.h"
#include "cli/Table.h"
#include "drover/Exceptions.h"
#include "drover/JsonWriter.h"
#include "drover/QueueEvents.h"

namespace drover::cli {

namespace {

/// Lines of events, from the thread that reads them to the command.
class Lines {
public:
    void add(std::string line, bool last) {
        const std::lock_guard lock(mutex_);
        lines_.push_back(std::move(line));
        ended_ = ended_ || last;
    }
    /// Returns the lines so far, and whether the job has ended.
    std::pair<std::vector<std::string>, bool> pop() {
        const std::lock_guard lock(mutex_);
        return {std::exchange(lines_, {}), ended_};
    }

private:
    std::mutex mutex_;
    std::vector<std::string> lines_;
    bool ended_ = false;
};

bool isEnd(const QueueEvent& event) {
    return event.type == QueueEvent::Type::Completed || event.type == QueueEvent::Type::Failed ||
           event.type == QueueEvent::Type::Removed;
}

std::string lineOf(const QueueEvent& event, bool json) {
    if (json) {
        JsonWriter writer;
        writer.beginObject();
        writer.key("event").text(event.name);
        writer.key("id").text(event.id);
        for (const auto& [name, value] : event.fields) {
            writer.key(name).text(value);
        }
        writer.endObject();
        return std::move(writer).str();
    }
    std::string line = event.name;
    for (const auto& [name, value] : event.fields) {
        if (name != "jobId" && !value.empty()) {
            line += "  " + name + " " + value;
        }
    }
    return plainText(line);
}

/// `drover job watch`. NotThere: there is no such job. Throws UsageException, ConfigException and RedisIoException.
class JobWatch : public Command {
public:
    JobWatch()
        : Command({"job watch",
                   "prints the events of a job until it has ended",
                   operateOptions({options::kQueue}),
                   "ID",
                   "The state comes first; Ctrl-C ends it earlier. A job that may run again after "
                   "its end is not waited for.\n"
                   "Exit code 66: there is no such job.\n"}) {}

    [[nodiscard]] ExitCode run(const Invocation& call) const override {
        const Operated on(call);
        const std::string& id = call.line.arguments()[0];
        const std::string name = on.queueOfJobs();
        const bool json = call.line.has(options::kJson);
        std::ostream& out = call.output.text();
        // Before the thread of the events, which must not get these signals.
        call.terminal.catchEnd();
        Lines lines;
        QueueEvents events(on.redis(), {on.prefix(), name}, [&](const QueueEvent& event) {
            if (event.jobId() == id) {
                lines.add(lineOf(event, json), isEnd(event));
            }
        });
        if (!events.waitUntilReady(std::chrono::seconds(5))) {
            throw RedisIoException("Redis does not return the events of " + name);
        }
        const JobState state = on.reader(name).state(id);
        if (state == JobState::Unknown) {
            throw JobStateException("there is no job " + id + " in " + name);
        }
        call.output.print(
            [&](JsonWriter& writer) {
                writer.beginObject();
                writer.key("state").text(toString(state));
                writer.endObject();
            },
            [&](std::ostream& text) {
                text << "job " << plainText(id) << " of " << plainText(name) << ": "
                     << toString(state) << '\n';
            });
        out.flush();
        bool ended = state == JobState::Completed || state == JobState::Failed;
        while (!ended && out.good()) {
            // Without a terminal that pauses, as in a test, the first look is the only one.
            const bool goesOn = call.terminal.pause(std::chrono::milliseconds(100));
            const auto [fresh, last] = lines.pop();
            for (const std::string& line : fresh) {
                out << line << '\n';
            }
            out.flush();
            ended = last || !goesOn;
        }
        return ExitCode::Ok;
    }
};

}  // namespace

std::unique_ptr<Command> makeJobWatch() {
    return std::make_unique<JobWatch>();
}

}  // namespace drover::cli
