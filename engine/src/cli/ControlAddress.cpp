#include "cli/ControlAddress.h"

#include <algorithm>
#include <filesystem>
#include <sys/stat.h>
#include <unistd.h>
#include <vector>

#include <Poco/Exception.h>

#include "config/Settings.h"
#include "control/ControlSocket.h"
#include "control/UnixSocket.h"

namespace drover {

namespace {

/// The sockets of living processes of this user, drover-<pid>.sock in a folder.
std::vector<std::string> runningSockets(const std::string& folder) {
    std::vector<std::string> found;
    std::error_code ignored;
    for (const auto& entry : std::filesystem::directory_iterator(folder, ignored)) {
        const std::string name = entry.path().filename();
        struct stat info {};
        const bool ours = name.rfind("drover-", 0) == 0 && entry.path().extension() == ".sock" &&
                          lstat(entry.path().c_str(), &info) == 0 && S_ISSOCK(info.st_mode) &&
                          info.st_uid == geteuid();
        if (!ours) {
            continue;
        }
        try {
            const Descriptor answered = connectUnixSocket(entry.path());
            found.push_back(entry.path());
        } catch (const Poco::Exception&) {
            // Left by a process that was killed.
        }
    }
    std::sort(found.begin(), found.end());
    return found;
}

}  // namespace

std::string controlSocketOf(const CommandLine& line,
                            const std::map<std::string, std::string>& environment,
                            const Configuration& config) {
    if (!line.socket.empty()) {
        return line.socket;
    }
    std::string configured = config.text("control.socket");
    if (configured == "off") {
        throw UsageException("control.socket is off: this process cannot be asked");
    }
    if (!configured.empty()) {
        return configured;
    }
    std::string folders;
    std::vector<std::string> found;
    for (const std::string& folder : runtimeFolders(environment)) {
        folders += (folders.empty() ? "" : ", ") + folder;
        const std::vector<std::string> there = runningSockets(folder);
        found.insert(found.end(), there.begin(), there.end());
        if (access(folder.c_str(), W_OK | X_OK) == 0) {
            break;  // A process of this user would go no further.
        }
    }
    if (found.empty()) {
        throw Poco::IOException("no process of this user answers in any of " + folders);
    }
    if (found.size() > 1) {
        std::string all;
        for (const std::string& path : found) {
            all += "\n  --socket " + path;
        }
        throw UsageException("several processes run; name one:" + all);
    }
    return found[0];
}

}  // namespace drover
