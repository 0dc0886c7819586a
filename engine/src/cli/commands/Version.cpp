#include "core/Version.h"

#include <memory>

#include "cli/Command.h"

namespace drover::cli {

namespace {

/// `drover version`.
class Version : public Command {
public:
    Version() : Command({"version", "prints version and build", {options::kJson}}) {}

    [[nodiscard]] ExitCode run(const Invocation& call) const override {
        call.output.print(
            [](JsonWriter& json) {
                json.beginObject();
                json.key("version").text(version());
                json.key("build").text(buildStamp());
                json.endObject();
            },
            [](std::ostream& text) {
                text << "drover " << version() << "\nbuild " << buildStamp() << '\n';
            });
        return ExitCode::Ok;
    }
};

}  // namespace

std::unique_ptr<Command> makeVersion() {
    return std::make_unique<Version>();
}

}  // namespace drover::cli
