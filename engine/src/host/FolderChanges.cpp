#include "host/FolderChanges.h"

#include <algorithm>
#include <utility>

#include <Poco/Logger.h>

namespace drover {

FolderChanges::FolderChanges(std::string path, std::function<bool(const std::string& name)> wanted)
    : folder_(std::move(path)), wanted_(std::move(wanted)) {}

void FolderChanges::addLoaded(const std::string& name) {
    Known& known = known_[name];
    for (const PluginFile& file : folder_.files().files) {
        if (file.name == name) {
            known.identity = file.identity;
            known.properties = file.properties;
        }
    }
}

FolderChanges::Found FolderChanges::look(PluginFolder::Clock::time_point now) {
    const PluginFiles files = folder_.files();
    if (files.error != error_ && !files.error.empty()) {
        Poco::Logger::get("plugins").error(files.error +
                                           ": no plugin counts as gone until that is over");
    }
    error_ = files.error;
    Found found;
    found.unfinished = !files.error.empty();
    for (const PluginFile& file : files.files) {
        if (!wanted_(file.name)) {
            continue;
        }
        Known& known = known_[file.name];
        // The file beside may have been the reason of a refusal.
        const bool again = known.refused && !(known.properties == file.properties);
        if (known.identity == file.identity && !again) {
            continue;
        }
        if (!folder_.settled(file, now)) {
            found.unfinished = true;
            continue;
        }
        known.identity = file.identity;
        known.properties = file.properties;
        found.changed.push_back(file);
    }
    if (!files.error.empty()) {
        return found;
    }
    for (auto& [key, known] : known_) {
        const std::string& name = key;  // clang 14 captures no structured binding.
        const bool there =
            std::any_of(files.files.begin(), files.files.end(), [&name](const PluginFile& file) {
                return file.name == name;
            });
        if (!there) {
            known.identity = {};
            found.gone.push_back(name);
        }
    }
    return found;
}

}  // namespace drover
