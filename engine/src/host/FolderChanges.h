#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "plugin/loading/PluginFolder.h"

namespace drover {

/// The plugin files of a folder that have come, changed or gone since the last look.
/// Threads: one at a time.
class FolderChanges {
public:
    struct Found {
        std::vector<PluginFile> changed;  ///< Finished files to load, by name.
        std::vector<std::string> gone;    ///< Known plugins without a file, at every look.
        bool unfinished =
            false;  ///< Look again soon: a file is being written, or the folder cannot be read.
    };

    /// Files that `wanted` does not return true for are left alone.
    FolderChanges(std::string path, std::function<bool(const std::string& name)> wanted);

    [[nodiscard]] const std::string& path() const { return folder_.path(); }
    /// Notes a plugin that has been loaded from this folder, as its file is now.
    void addLoaded(const std::string& name);
    /// Looks at the folder. A folder that cannot be read is logged once, and no plugin counts as gone until it can.
    [[nodiscard]] Found look(PluginFolder::Clock::time_point now);
    /// Reports the file of a plugin as changed at the next look.
    void lookAgain(const std::string& name) { known_[name].identity = {}; }
    /// After a refusal a changed .properties beside the file counts as a change, too.
    void setRefused(const std::string& name, bool refused) { known_[name].refused = refused; }

private:
    struct Known {
        FileIdentity identity;    ///< The file at the last look,
        FileIdentity properties;  ///< and of the .properties beside it.
        bool refused = false;
    };

    PluginFolder folder_;
    const std::function<bool(const std::string& name)> wanted_;
    std::string error_;  ///< From the last look; empty: none.
    std::map<std::string, Known> known_;
};

}  // namespace drover
