#include "cli/RunningProcess.h"

#include <chrono>
#include <thread>
#include <utility>

#include <Poco/Exception.h>

#include "config/Settings.h"
#include "drover/Json.h"
#include "drover/JsonWriter.h"
#include "drover/Unavailable.h"

namespace drover::cli {

ControlClient runningProcess(const Invocation& call, const Configuration& config) {
    if (const std::string given = call.line.value(options::kSocket); !given.empty()) {
        return ControlClient(given);
    }
    const std::string configured = config.text("control.socket");
    if (configured == "off") {
        throw UsageException("control.socket is off: this process has no socket to answer on");
    }
    if (!configured.empty()) {
        return ControlClient(configured);
    }
    const RunningSockets running = findRunningSockets(runtimeFolders(call.environment));
    if (running.paths.size() == 1) {
        return ControlClient(running.paths[0]);
    }
    std::string all;
    if (running.paths.empty()) {
        for (const std::string& folder : running.searched) {
            all += (all.empty() ? "" : ", ") + folder;
        }
        throw Poco::IOException("no process of this user answers in any of " + all);
    }
    for (const std::string& path : running.paths) {
        all += "\n  --socket " + path;
    }
    throw UsageException("several processes run; name one:" + all);
}

std::string changeState(const ControlClient& process,
                        const std::string& command,
                        const std::string& state) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    const auto run = [&process](const std::string& name) {
        try {
            return process.run(name);
        } catch (const Poco::Exception& error) {
            throw Unavailable(error.message());
        }
    };
    const std::string answer = run(command);
    const JsonView result = JsonView::tryParse(answer).value_or(JsonView());
    if (!result["ok"].boolean().value_or(false)) {
        throw Unavailable(process.path() + ": " +
                          result["error"].string().value_or("the answer is not one of drover"));
    }
    for (;;) {
        const std::string health = run("health");
        const JsonView report = JsonView::tryParse(health).value_or(JsonView())["result"];
        if (report["state"].string() == state) {
            JsonWriter json;
            json.beginObject();
            json.key("pid").number(report["pid"].integer().value_or(0));
            json.key("state").text(state);
            json.endObject();
            return std::move(json).str();
        }
        if (std::chrono::steady_clock::now() > deadline) {
            throw Unavailable(process.path() + ": the process is " +
                              report["state"].string().value_or("in no state") + ", and not " +
                              state);
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
}

}  // namespace drover::cli
