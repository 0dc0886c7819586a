#include "cli/Removal.h"

#include "cli/Table.h"
#include "cli/Terminal.h"

namespace drover::cli {

QueueMaintenance::Calls callsWithProgress(const Invocation& call, const std::string& doing) {
    QueueMaintenance::Calls calls;
    calls.onProgress = [&terminal = call.terminal, doing](std::size_t jobs) {
        terminal.progress(doing + ": " + std::to_string(jobs) + " jobs");
        return true;
    };
    return calls;
}

void printCount(const Invocation& call,
                const std::string& queue,
                const char* done,
                std::size_t jobs) {
    call.terminal.progress("");
    call.output.print(
        [&](JsonWriter& json) {
            json.beginObject();
            json.key("queue").text(queue);
            json.key(done).number(jobs);
            json.endObject();
        },
        [&](std::ostream& text) {
            text << plainText(queue) << ": " << jobs << (jobs == 1 ? " job " : " jobs ") << done
                 << '\n';
        });
}

}  // namespace drover::cli
