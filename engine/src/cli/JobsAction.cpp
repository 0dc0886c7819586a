#include "cli/JobsAction.h"

#include <utility>
#include <vector>

#include "cli/Table.h"
#include "drover/operate/JobRefusal.h"

namespace drover::cli {

ExitCode onEachJob(const Invocation& call,
                   const std::string& queue,
                   const char* done,
                   const std::function<std::string(const std::string& id)>& act) {
    std::vector<std::pair<std::string, std::string>> results;  // The id, and why it was refused.
    bool refused = false;
    for (const std::string& id : call.line.arguments()) {
        std::string why;
        try {
            why = act(id);
        } catch (const JobStateException& error) {
            why = operate::refusalText(error);
        }
        refused = refused || !why.empty();
        results.emplace_back(id, why);
    }
    call.output.print(
        [&](JsonWriter& json) {
            json.beginObject();
            json.key("queue").text(queue);
            json.key(done).beginArray();
            for (const auto& [id, why] : results) {
                if (why.empty()) {
                    json.text(id);
                }
            }
            json.endArray();
            json.key("refused").beginArray();
            for (const auto& [id, why] : results) {
                if (!why.empty()) {
                    json.beginObject();
                    json.key("id").text(id);
                    json.key("why").text(why);
                    json.endObject();
                }
            }
            json.endArray();
            json.endObject();
        },
        [&](std::ostream& text) {
            for (const auto& [id, why] : results) {
                text << "job " << plainText(id) << " of " << plainText(queue) << ": "
                     << (why.empty() ? done : plainText(why)) << '\n';
            }
        });
    return refused ? ExitCode::NotThere : ExitCode::Ok;
}

}  // namespace drover::cli
