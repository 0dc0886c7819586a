#include "host/HandlerPlugins.h"

#include <algorithm>
#include <vector>

#include "config/Settings.h"
#include "core/Log.h"
#include "process/Logging.h"

namespace drover {

namespace {

Log log() {
    return Log("plugins");
}

/// Returns a predicate for the names that plugins.load gives, `*` among them.
std::function<bool(const std::string& name)> wantedBy(const PluginSettings& settings) {
    return [settings](const std::string& name) {
        return settings.all || std::find(settings.names.begin(), settings.names.end(), name) !=
                                   settings.names.end();
    };
}

}  // namespace

/// A change of one plugin's handlers, which the process adopts or refuses.
class HandlerPlugins::Update : public Proposal {
public:
    Update(HandlerPlugins& plugins, std::string name) : plugins_(plugins), name_(std::move(name)) {}

protected:
    /// Makes prepare() use these handlers until the proposal is adopted or refused.
    void announce(const Configuration& fresh, const HandlerRegistry::Types& types) {
        plugins_.coming_ = Coming{name_, plugins_.registryWith(fresh, name_, types)};
    }
    void end(const std::string& refused) {
        plugins_.coming_.reset();
        plugins_.setRefused(name_, refused);
    }

    HandlerPlugins& plugins_;
    const std::string name_;
};

/// A file that came or changed.
class HandlerPlugins::Replacement : public Update {
public:
    Replacement(HandlerPlugins& plugins, PluginFile file)
        : Update(plugins, file.name), file_(std::move(file)) {}

    std::optional<Configuration> configuration(const Configuration& inForce) override {
        next_ = plugins_.starter_.start(file_, inForce);
        if (!next_) {
            return std::nullopt;
        }
        announce(next_->config, next_->types);
        return std::move(next_->config);
    }

    void onAdopted() override {
        end("");
        if (!next_) {
            return;
        }
        const LoadedPlugin plugin = next_->generation->plugin();
        plugins_.starter_.onTakeover(name_);
        plugins_.switchTo(name_, std::move(next_->generation), std::move(next_->types));
        log().information(titleOf(plugin, plugins_.records_.of(name_).generation) +
                              ": runs, sha256 " + plugin.sha256,
                          {.plugin = name_});
    }

    void onRefused(const std::exception& error) override {
        next_.reset();
        const PluginRecord& record = plugins_.records_.of(name_);
        log().error(std::string("the file is refused: ") + error.what() +
                        (record.running != nullptr
                             ? "; generation " + std::to_string(record.generation) + " goes on"
                             : ""),
                    {.plugin = name_});
        end(Logging::masked(error.what()));
    }

private:
    const PluginFile file_;
    std::optional<GenerationStarter::Started> next_;
};

/// A file that is gone.
class HandlerPlugins::Removal : public Update {
public:
    using Update::Update;

    std::optional<Configuration> configuration(const Configuration& inForce) override {
        Configuration fresh = inForce.without(name_);
        announce(fresh, {});
        return fresh;
    }

    void onAdopted() override {
        end("");
        const PluginRecord& record = plugins_.records_.of(name_);
        log().information(titleOf(record.running->plugin(), record.generation) +
                              ": its file is gone; its jobs stay in the queue for other workers",
                          {.plugin = name_});
        plugins_.switchTo(name_, nullptr, {});
    }

    void onRefused(const std::exception& error) override {
        const std::string reason = Logging::masked(error.what());
        if (plugins_.records_.of(name_).refused != reason) {
            log().error(std::string("the plugin goes on without its file: ") + error.what(),
                        {.plugin = name_});
        }
        end(reason);
    }
};

HandlerPlugins::HandlerPlugins(const Configuration& config,
                               const PluginSettings& settings,
                               PluginOpener& opener,
                               Consumers& consumers,
                               bool watched,
                               std::function<void()> changed)
    : settings_(settings),
      consumers_(consumers),
      changed_(std::move(changed)),
      watched_(watched),
      folder_(settings.folder, wantedBy(settings)),
      starter_(opener, records_),
      due_(settings.all) {
    for (const std::string& name : settings_.names) {
        const LoadedPlugin& plugin = opener.plugin(name);
        folder_.addLoaded(name);
        if (plugin.isService()) {
            records_.addService(name);
            continue;
        }
        auto generation =
            PluginGeneration::start(plugin, lookupOf(config), Settings::isolation(config, name));
        HandlerRegistry::Types types = generation->handlerTypes();
        records_.addLoaded(name, plugin);
        records_.switchTo(name, std::move(generation), std::move(types));
    }
    consumers_.prepareHandlers(registryWith(config, "", {}), config)();
}

void HandlerPlugins::start() {
    for (const auto& [name, record] : records_.all()) {
        if (record.running != nullptr) {
            log().information(titleOf(record.running->plugin(), record.generation) + ": runs",
                              {.plugin = name});
        }
    }
    std::vector<std::string> folders;
    FolderWatch::Poll poll;
    if (settings_.watch) {
        if (!watched_) {
            folders.push_back(folder_.path());
        }
        poll = [path = folder_.path()] {
            std::string seen = fingerprintOf({path});
            for (const PluginFile& file : PluginFolder(path).files().files) {
                seen += fingerprintOf({file.path, path + "/" + file.name + ".properties"});
            }
            return seen;
        };
    }
    watch_ = std::make_unique<FolderWatch>(folders, changed_, std::move(poll));
    if (due_) {
        watch_->soon();
    }
}

Component::Proposals HandlerPlugins::rescan(const Configuration& /*config*/, bool requested) {
    records_.dropEnded();
    Proposals proposals;
    if (requested || due_ || settings_.watch) {
        const FolderChanges::Found found = folder_.look(PluginFolder::Clock::now());
        due_ = found.unfinished;
        for (const PluginFile& file : found.changed) {
            if (records_.of(file.name).service) {
                log().warning(
                    "the file of a service has changed; services are loaded at the start only: "
                    "restart to load it",
                    {.plugin = file.name});
            } else {
                proposals.push_back(std::make_unique<Replacement>(*this, file));
            }
        }
        for (const std::string& name : found.gone) {
            if (records_.of(name).running != nullptr) {
                proposals.push_back(std::make_unique<Removal>(*this, name));
            } else if (!records_.of(name).refused.empty()) {
                setRefused(name, "");
            }
        }
    }
    if (due_ || records_.anyDraining()) {
        watch_->soon();
    }
    return proposals;
}

Component::Change HandlerPlugins::prepare(const Configuration& config) {
    std::vector<Change> changes;
    std::vector<std::string> again;
    for (const auto& [name, record] : records_.all()) {
        // A plugin that is replaced retains its values; some of its keys may not be there any more.
        if (record.running != nullptr && !(coming_ && coming_->name == name)) {
            changes.push_back(record.running->prepare(lookupOf(config)));
            if (record.running->isolation() != Settings::isolation(config, name)) {
                again.push_back(name);  // It needs another generation.
            }
        }
        if (!record.refused.empty() && !coming_) {
            again.push_back(name);  // The configuration may have been the reason.
        }
    }
    changes.push_back(
        consumers_.prepareHandlers(coming_ ? coming_->registry : consumers_.registry(), config));
    return [this, changes = std::move(changes), again = std::move(again)] {
        for (const Change& change : changes) {
            change();
        }
        for (const std::string& name : again) {
            folder_.lookAgain(name);
            due_ = true;
        }
    };
}

HandlerRegistry HandlerPlugins::registryWith(const Configuration& config,
                                             const std::string& name,
                                             const HandlerRegistry::Types& instead) const {
    return {records_.typesWith(name, instead), [&config](const std::string& defaultQueue) {
                return Settings::queue(config, defaultQueue).name;
            }};
}

void HandlerPlugins::switchTo(const std::string& name,
                              std::shared_ptr<PluginGeneration> next,
                              HandlerRegistry::Types types) {
    records_.switchTo(name, std::move(next), std::move(types));
    if (records_.anyDraining()) {
        watch_->soon();  // To log its end.
    }
}

void HandlerPlugins::setRefused(const std::string& name, const std::string& reason) {
    records_.setRefused(name, reason);
    folder_.setRefused(name, !reason.empty());
}

void HandlerPlugins::measure(Metrics& metrics) const {
    MetricFamily& info = metrics.gauge("drover_plugin_info", "1 for the generation that runs");
    MetricFamily& newest = metrics.counter("drover_plugin_generations_total",
                                           "Generations of the plugin that took over");
    MetricFamily& draining = metrics.gauge("drover_plugin_generations_draining",
                                           "Replaced generations that still have jobs");
    MetricFamily& files =
        metrics.gauge("drover_plugin_files", "Files in memory: none is ever unloaded");
    MetricFamily& refused =
        metrics.gauge("drover_plugin_refused", "1 if the last file of the plugin was refused");
    records_.read([&](const PluginRecords::Map& records) {
        for (const auto& [name, record] : records) {
            if (record.service) {
                continue;
            }
            const MetricLabels labels = {{"plugin", name}};
            if (record.running != nullptr) {
                info.add({{"plugin", name}, {"version", record.running->plugin().version}}, 1);
            }
            newest.add(labels, record.generation);
            draining.add(labels, record.draining.size());
            files.add(labels, record.loaded.size());
            refused.add(labels, !record.refused.empty());
        }
        return 0;
    });
}

}  // namespace drover
