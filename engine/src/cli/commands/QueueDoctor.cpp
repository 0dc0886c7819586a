#include <memory>

#include "cli/Operated.h"
#include "cli/Table.h"
#include "drover/operate/OperateJson.h"

namespace drover::cli {

namespace {

constexpr Option kFix{"fix", nullptr, "repairs what can be repaired without harm"};

void write(std::ostream& text, const QueueFinding& finding, const char* remark) {
    text << "  " << finding.kind << "  " << plainText(finding.sentence) << remark << '\n';
}

/// The findings of one queue, and what became of them.
struct Examined {
    std::string queue;
    ::drover::QueueDoctor::Report report;
    std::vector<QueueFinding> repaired;

    [[nodiscard]] bool isSound() const {
        return report.complete && repaired.size() == report.findings.size();
    }
};

Examined examined(const Invocation& call, const Operated& on, const std::string& name) {
    ::drover::QueueDoctor doctor(on.redis(), on.settings<::drover::QueueDoctor>(name));
    ::drover::QueueDoctor::Calls calls;
    calls.onProgress = [&](const ::drover::QueueDoctor::Progress& at) {
        call.terminal.progress(name + ": " + std::to_string(at.members) + " jobs, " +
                               std::to_string(at.keys) + " keys, " + std::to_string(at.findings) +
                               " findings");
        return true;
    };
    Examined found{name, doctor.examine(calls), {}};
    if (call.line.has(kFix)) {
        found.repaired = doctor.repair(found.report.findings);
    }
    call.terminal.progress("");
    return found;
}

void write(std::ostream& text, const Examined& queue) {
    const std::size_t count = queue.report.findings.size();
    text << plainText(queue.queue) << ": ";
    if (count == 0) {
        text << "no findings in " << queue.report.looked.members << " jobs and "
             << queue.report.looked.keys << " keys\n";
        return;
    }
    text << count << (count == 1 ? " finding" : " findings")
         << (queue.report.complete ? "" : ", and more that were not looked for") << '\n';
    for (const QueueFinding& finding : queue.report.findings) {
        write(text,
              finding,
              finding.isAmong(queue.repaired) ? "; repaired"
              : finding.fixable               ? "; --fix repairs it"
                                              : "");
    }
}

/// `drover queue doctor`. Ok: no finding is left. Faulty: some are. Throws UsageException, ConfigException and
/// RedisIoException.
class QueueDoctor : public Command {
public:
    QueueDoctor()
        : Command({"queue doctor",
                   "looks for faults of the server and of its queues, and repairs them",
                   operateOptions({kFix}),
                   "[QUEUE]",
                   "Without a queue it examines all of them. It finds jobs in no list, ids without "
                   "a job, active jobs "
                   "without a lock,\nkeys and markers of old versions, a counter behind its jobs, "
                   "eviction, missing "
                   "persistence and a wrong clock.\nA suspicion is checked twice, so that jobs on "
                   "their way are not "
                   "findings. Exit code 65: findings are left.\n"}) {}

    [[nodiscard]] ExitCode run(const Invocation& call) const override {
        const Operated on(call);
        std::vector<std::string> names;
        for (const std::string& given : call.line.arguments()) {
            for (std::string& name : on.inRedis(on.nameOf(given))) {
                names.push_back(std::move(name));
            }
        }
        if (names.empty()) {
            names = QueueOverview(on.redis(), on.prefix()).names();
        }
        const std::vector<QueueFinding> server = ::drover::QueueDoctor::examineServer(on.redis());
        std::vector<Examined> queues;
        bool sound = server.empty();
        for (const std::string& name : names) {
            queues.push_back(examined(call, on, name));
            sound = sound && queues.back().isSound();
        }
        call.output.print(
            [&](JsonWriter& json) {
                json.beginObject();
                json.key("server").beginArray();
                for (const QueueFinding& finding : server) {
                    operate::write(json, finding);
                }
                json.endArray();
                json.key("queues").beginArray();
                for (const Examined& queue : queues) {
                    operate::write(json, queue.queue, queue.report, queue.repaired);
                }
                json.endArray();
                json.endObject();
            },
            [&](std::ostream& text) {
                text << (server.empty() ? "server: no findings\n" : "server:\n");
                for (const QueueFinding& finding : server) {
                    write(text, finding, "");
                }
                for (const Examined& queue : queues) {
                    write(text, queue);
                }
            });
        return sound ? ExitCode::Ok : ExitCode::Faulty;
    }
};

}  // namespace

std::unique_ptr<Command> makeQueueDoctor() {
    return std::make_unique<QueueDoctor>();
}

}  // namespace drover::cli
