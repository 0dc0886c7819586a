#include "cli/RunningProcess.h"

#include <Poco/Exception.h>

#include "config/Settings.h"

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

}  // namespace drover::cli
