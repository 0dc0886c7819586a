#include "cli/Removal.h"

#include "cli/Table.h"

namespace drover::cli {

void workOnJobs(const Invocation& call,
                const Operated& on,
                const std::string& name,
                const char* done,
                const JobsWork& work) {
    std::size_t jobs = 0;
    for (const std::string& queue : on.inRedis(name)) {
        QueueMaintenance::Calls calls;
        calls.onProgress = [&](std::size_t now) {
            call.terminal.progress(std::string(done) + ": " + std::to_string(jobs + now) + " jobs");
            return true;
        };
        QueueMaintenance maintenance(on.redis(), on.settings<QueueMaintenance>(queue));
        jobs += work(maintenance, calls);
    }
    call.terminal.progress("");
    call.output.print(
        [&](JsonWriter& json) {
            json.beginObject();
            json.key("queue").text(name);
            json.key(done).number(jobs);
            json.endObject();
        },
        [&](std::ostream& text) {
            text << plainText(name) << ": " << jobs << (jobs == 1 ? " job " : " jobs ") << done
                 << '\n';
        });
}

}  // namespace drover::cli
