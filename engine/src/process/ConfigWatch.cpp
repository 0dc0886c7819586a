#include "process/ConfigWatch.h"

#include <filesystem>
#include <set>

namespace drover {

namespace {

/// A file without writes for so long counts as finished.
constexpr std::chrono::milliseconds kQuiet{300};

/// Returns the folders in which changes of the files show. A symbolic link may be changed at both of its ends.
std::vector<std::string> foldersOf(const Configuration& config) {
    std::set<std::string> folders;
    for (const std::string& file : config.files()) {
        const std::filesystem::path path = std::filesystem::absolute(file).lexically_normal();
        std::error_code ignored;
        for (const auto& one : {path, std::filesystem::weakly_canonical(path, ignored)}) {
            if (std::filesystem::is_directory(one.parent_path(), ignored)) {
                folders.insert(one.parent_path());
            }
        }
    }
    // HandlerPlugins may come later, and their files with them.
    std::error_code ignored;
    if (std::filesystem::is_directory(config.pluginFolder(), ignored)) {
        folders.insert(std::filesystem::absolute(config.pluginFolder()).lexically_normal());
    }
    return {folders.begin(), folders.end()};
}

}  // namespace

ConfigWatch::ConfigWatch(const Configuration& config, std::function<void()> changed, Reload reload)
    : folders_(foldersOf(config)), changed_(std::move(changed)), reload_(std::move(reload)) {
    watched_->files = config.files();
}

void ConfigWatch::start() {
    watch_ = std::make_unique<FolderWatch>(folders_, changed_, [watched = watched_] {
        std::vector<std::string> files;
        {
            const std::lock_guard lock(watched->mutex);
            files = watched->files;
        }
        return fingerprintOf(files);
    });
    watch_->soon();  // Changes while the process started raise no event.
}

Component::Proposals ConfigWatch::rescan(const Configuration& config, bool /*requested*/) {
    FileTexts now = config.filesNow();
    const auto time = Component::Clock::now();
    if (now != seen_) {
        seen_ = now;
        seenSince_ = time;
    }
    // A plugin has come or gone: the refused files may be good now.
    if (std::vector<std::string> files = config.files(); files != files_) {
        files_ = std::move(files);
        {
            const std::lock_guard lock(watched_->mutex);
            watched_->files = files_;
        }
        refused_.reset();
    }
    if (now == config.filesRead()) {
        refused_.reset();
        return {};
    }
    if (now == refused_) {
        return {};
    }
    if (time - seenSince_ < kQuiet) {
        watch_->soon();
        return {};
    }
    if (reload_(now)) {
        refused_ = std::move(now);
    } else {
        watch_->soon();
    }
    return {};
}

}  // namespace drover
