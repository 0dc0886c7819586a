#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "config/Configuration.h"
#include "process/Component.h"
#include "process/FolderWatch.h"

namespace drover {

/// Calls for a reload when contents of configuration files have changed and stay so for a while: the files of --config and
/// --env-file, and those beside plugins. Contents are compared, so the way in which a file is replaced makes no difference,
/// and other files of the folder have no effect. A refused set of files is not retried until one of them changes, or until
/// other files count.
class ConfigWatch : public Component {
public:
    /// Returns true if the files still had just these texts, so that they were applied or refused.
    using Reload = std::function<bool(const FileTexts& texts)>;

    /// `changed` is called, on another thread, when rescan() may find something; `reload` by rescan(). It may change the
    /// configuration that rescan() was given.
    ConfigWatch(const Configuration& config, std::function<void()> changed, Reload reload);

    [[nodiscard]] const std::string& name() const override { return name_; }
    void start() override;
    /// Proposes nothing: the whole configuration is read again by `reload`.
    [[nodiscard]] Proposals rescan(const Configuration& config, bool requested) override;
    void drain(Component::Clock::time_point /*deadline*/) override { watch_.reset(); }

private:
    const std::string name_ = "config watch";
    const std::vector<std::string> folders_;
    const std::function<void()> changed_;
    const Reload reload_;
    FileTexts seen_;
    Component::Clock::time_point seenSince_;
    /// The watched files, which the thread of the watch reads.
    struct Watched {
        std::mutex mutex;
        std::vector<std::string> files;
    };
    const std::shared_ptr<Watched> watched_ = std::make_shared<Watched>();
    std::vector<std::string> files_;    ///< At the last rescan.
    std::optional<FileTexts> refused_;  ///< The texts of the last reload, if it was refused.
    std::unique_ptr<FolderWatch> watch_;
};

}  // namespace drover
