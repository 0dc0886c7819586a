#include "host/HandlerPlugins.h"

#include <algorithm>

#include <Poco/Logger.h>

#include "drover/Exceptions.h"
#include "drover/JsonWriter.h"
#include "plugin/loading/PluginMemory.h"
#include "plugin/loading/SharedObject.h"
#include "process/Logging.h"

namespace drover {

namespace {

Poco::Logger& logger() {
    return Poco::Logger::get("plugins");
}

std::string kilobytes(std::uint64_t bytes) {
    return std::to_string((bytes + 512) / 1024) + " kB";
}

std::string titleOf(const LoadedPlugin& plugin, int generation) {
    return "plugin " + plugin.name + " " + plugin.version + ", generation " +
           std::to_string(generation);
}

}  // namespace

ConfigLookup lookupOf(const Configuration& config) {
    return [&config](const std::string& key) -> std::optional<std::string> {
        const auto value = config.find(key);
        return value ? std::optional<std::string>(value->text) : std::nullopt;
    };
}

HandlerPlugins::HandlerPlugins(const Configuration& config,
                               const PluginSettings& settings,
                               PluginOpener& host,
                               Consumers& workers,
                               bool watched,
                               std::function<void()> changed,
                               Adopt adopt)
    : settings_(settings),
      host_(host),
      workers_(workers),
      changed_(std::move(changed)),
      adopt_(std::move(adopt)),
      watched_(watched),
      folder_(settings.folder),
      due_(settings.all) {
    const std::vector<PluginFile> files = folder_.files().files;
    for (const std::string& name : settings_.names) {
        const LoadedPlugin& plugin = host_.plugin(name);
        Entry entry;
        const auto file = std::find_if(files.begin(), files.end(), [&name](const PluginFile& one) {
            return one.name == name;
        });
        if (file != files.end()) {
            entry.identity = file->identity;
            entry.properties = file->properties;
        }
        entry.service = plugin.isService();
        if (!entry.service) {
            entry.running = PluginGeneration::start(
                plugin, lookupOf(config), Settings::isolation(config, name));
            entry.types = entry.running->handlerTypes();
            entry.generation = 1;
            entry.loaded.push_back({plugin.copy, plugin.bytes});
        }
        entries_.emplace(name, std::move(entry));
    }
    workers_.prepare(registryWith(config, "", {}), config)();
}

void HandlerPlugins::start() {
    for (const auto& [name, entry] : entries_) {
        if (entry.running != nullptr) {
            logger().information(titleOf(entry.running->plugin(), entry.generation) + ": runs");
        }
    }
    watch_ = std::make_unique<FolderWatch>(
        settings_.watch && !watched_ ? std::vector<std::string>{folder_.path()}
                                     : std::vector<std::string>{},
        changed_,
        settings_.watch ? FolderWatch::Poll([path = folder_.path()] {
            std::string seen = fingerprintOf({path});
            for (const PluginFile& file : PluginFolder(path).files().files) {
                seen += fingerprintOf({file.path, path + "/" + file.name + ".properties"});
            }
            return seen;
        })
                        : FolderWatch::Poll());
    if (due_) {
        watch_->soon();
    }
}

bool HandlerPlugins::wanted(const std::string& name) const {
    return settings_.all ||
           std::find(settings_.names.begin(), settings_.names.end(), name) != settings_.names.end();
}

void HandlerPlugins::rescan(const Configuration& config, bool asked) {
    dropEnded();
    if (asked || due_ || settings_.watch) {
        due_ = look(config);
    }
    if (due_ || !draining_.empty()) {
        watch_->soon();
    }
}

bool HandlerPlugins::look(const Configuration& config) {
    const auto now = PluginFolder::Clock::now();
    const PluginFiles found = folder_.files();
    if (found.error != folderError_ && !found.error.empty()) {
        logger().error(found.error + ": no plugin is taken for gone until that is over");
    }
    folderError_ = found.error;
    bool unfinished = !found.error.empty();
    for (const PluginFile& file : found.files) {
        if (!wanted(file.name)) {
            continue;
        }
        Entry& entry = entryOf(file.name);
        // What was wrong may have been the file beside it.
        const bool again = !entry.refused.empty() && !(entry.properties == file.properties);
        if (entry.identity == file.identity && !again) {
            continue;
        }
        if (!folder_.settled(file, now)) {
            unfinished = true;
            continue;
        }
        entry.identity = file.identity;
        entry.properties = file.properties;
        try {
            take(file, entry, config);
            const std::lock_guard lock(mutex_);
            entry.refused.clear();
        } catch (const std::exception& error) {
            logger().error("plugin " + file.name + " is refused: " + error.what() +
                           (entry.running != nullptr
                                ? "; generation " + std::to_string(entry.generation) + " goes on"
                                : ""));
            const std::lock_guard lock(mutex_);
            entry.refused = Logging::masked(error.what());
        }
    }
    if (found.error.empty()) {
        retireMissing(found.files, config);
    }
    return unfinished;
}

HandlerPlugins::Entry& HandlerPlugins::entryOf(const std::string& name) {
    const std::lock_guard lock(mutex_);
    return entries_[name];
}

void HandlerPlugins::retireMissing(const std::vector<PluginFile>& files,
                                   const Configuration& config) {
    for (auto& [known, entry] : entries_) {
        const std::string& name = known;  // clang 14 captures no structured binding.
        const bool there = std::any_of(files.begin(), files.end(), [&name](const PluginFile& file) {
            return file.name == name;
        });
        if (there || entry.service) {
            continue;
        }
        entry.identity = {};
        try {
            if (entry.running != nullptr) {
                retire(name, entry, config);
            }
            const std::lock_guard lock(mutex_);
            entry.refused.clear();
        } catch (const std::exception& error) {
            if (entry.refused != Logging::masked(error.what())) {
                logger().error("plugin " + name + " goes on without its file: " + error.what());
            }
            const std::lock_guard lock(mutex_);
            entry.refused = Logging::masked(error.what());
        }
    }
}

void HandlerPlugins::take(const PluginFile& file, Entry& entry, const Configuration& config) {
    if (entry.service) {
        logger().warning("plugin " + file.name +
                         ": its file has changed; it is a service, which is loaded at the start "
                         "only: restart to take it up");
        return;
    }
    const std::string sha256 = sha256OfFile(file.path);
    if (entry.running != nullptr && entry.running->plugin().sha256 == sha256 &&
        entry.running->isolation() == Settings::isolation(config, file.name)) {
        return;  // Touched, or copied over itself.
    }
    if (!entry.opened || entry.opened->sha256 != sha256 || !entry.opened->isService()) {
        LoadedPlugin opened = host_.open(file.path, entry.opened);
        if (!entry.opened || entry.opened->copy != opened.copy) {
            const std::lock_guard lock(mutex_);
            entry.loaded.push_back({opened.copy, opened.bytes});
        }
        for (const std::string& warning : opened.warnings) {
            logger().warning("plugin " + file.name + ": " + warning);
        }
        entry.opened = std::move(opened);
    }
    if (entry.opened->isService()) {
        throw PluginException(file.path +
                              ": a service plugin; it is loaded at the start only, when "
                              "plugins.load names it");
    }
    LoadedPlugin plugin = *entry.opened;
    Configuration fresh = config.with(declarationOf(plugin));
    Logging::hide(fresh);
    const std::vector<std::string> problems = Settings::check(fresh);
    if (!problems.empty()) {
        std::string all;
        for (const std::string& problem : problems) {
            all += (all.empty() ? "" : "; ") + problem;
        }
        throw ConfigException(all);
    }
    auto isolation = Settings::isolation(fresh, file.name);
    const auto& descriptor = *std::get<const drover_plugin_descriptor*>(plugin.descriptor);
    if (!isolation && (descriptor.init != nullptr || descriptor.shutdown != nullptr)) {
        entry.opened.reset();  // They are called once for each copy, even if it is refused then.
    }
    const auto next =
        PluginGeneration::start(std::move(plugin), lookupOf(fresh), std::move(isolation));
    HandlerRegistry::Types types = next->handlerTypes();
    adopt(std::move(fresh), file.name, types);
    entry.opened.reset();  // The next generation has static objects of its own.
    switchTo(file.name, entry, next, std::move(types));
    logger().information(titleOf(next->plugin(), entry.generation) + ": runs, sha256 " +
                         next->plugin().sha256);
}

void HandlerPlugins::retire(const std::string& name, Entry& entry, const Configuration& config) {
    adopt(config.without(name), name, {});
    logger().information(titleOf(entry.running->plugin(), entry.generation) +
                         ": its file is gone; its jobs are left to others");
    switchTo(name, entry, nullptr, {});
}

void HandlerPlugins::adopt(Configuration fresh,
                           const std::string& name,
                           const HandlerRegistry::Types& instead) {
    coming_.emplace(name, registryWith(fresh, name, instead));
    try {
        adopt_(std::move(fresh));
    } catch (...) {
        coming_.reset();
        throw;
    }
    coming_.reset();
}

void HandlerPlugins::switchTo(const std::string& name,
                              Entry& entry,
                              std::shared_ptr<PluginGeneration> next,
                              HandlerRegistry::Types types) {
    const std::lock_guard lock(mutex_);
    if (entry.running != nullptr) {
        draining_.push_back({name, entry.generation, std::move(entry.running)});
    }
    entry.generation += next != nullptr ? 1 : 0;
    entry.running = std::move(next);
    entry.types = std::move(types);
}

HandlerRegistry HandlerPlugins::registryWith(const Configuration& config,
                                             const std::string& name,
                                             const HandlerRegistry::Types& instead) const {
    HandlerRegistry::Types types;
    for (const auto& [known, entry] : entries_) {
        if (known != name) {
            types.insert(types.end(), entry.types.begin(), entry.types.end());
        }
    }
    types.insert(types.end(), instead.begin(), instead.end());
    return {types, [&config](const std::string& defaultQueue) {
                return Settings::queue(config, defaultQueue).name;
            }};
}

void HandlerPlugins::dropEnded() {
    const std::lock_guard lock(mutex_);
    // Its handlers' types, their instances and the threads that have them hold it; when they are gone, only we do.
    draining_.erase(
        std::remove_if(draining_.begin(),
                       draining_.end(),
                       [](const Draining& one) {
                           if (one.plugin.use_count() > 1) {
                               return false;
                           }
                           const LoadedPlugin& plugin = one.plugin->plugin();
                           logger().information(
                               titleOf(plugin, one.generation) + ": has ended after " +
                               std::to_string(one.plugin->jobsRun()) + " jobs; " +
                               kilobytes(plugin.bytes + MemoryMap().of(plugin.copy).ownPages) +
                               " stay in memory");
                           return true;
                       }),
        draining_.end());
}

Component::Change HandlerPlugins::prepare(const Configuration& config) {
    std::vector<Change> changes;
    std::vector<Entry*> again;
    for (auto& [name, entry] : entries_) {
        // One that is replaced keeps what it has; some of its keys may not be there any more.
        if (entry.running != nullptr && !(coming_ && coming_->first == name)) {
            changes.push_back(entry.running->prepare(lookupOf(config)));
            if (entry.running->isolation() != Settings::isolation(config, name)) {
                again.push_back(&entry);  // Takes another generation.
            }
        }
        if (!entry.refused.empty() && !coming_) {
            again.push_back(&entry);  // What was wrong may have been the configuration.
        }
    }
    changes.push_back(workers_.prepare(coming_ ? coming_->second : workers_.registry(), config));
    return [this, changes = std::move(changes), again = std::move(again)] {
        for (const Change& change : changes) {
            change();
        }
        for (Entry* const entry : again) {
            entry->identity = {};
            due_ = true;
        }
    };
}

std::string HandlerPlugins::listJson() const {
    JsonWriter json;
    const MemoryMap map;
    const auto writeMemory = [&json](const PluginMemory& memory) {
        json.key("rss").number(static_cast<std::int64_t>(memory.rss));
        json.key("private").number(static_cast<std::int64_t>(memory.ownPages));
    };
    const auto write = [&](const std::string& name,
                           int number,
                           const PluginGeneration* generation,
                           const char* state,
                           const std::string& reason,
                           const std::vector<Loaded>& loaded) {
        json.beginObject();
        json.key("name").text(name);
        json.key("kind").text("handler");
        if (generation != nullptr) {
            const LoadedPlugin& plugin = generation->plugin();
            const drover_plugin_descriptor& descriptor = generation->descriptor();
            json.key("version").text(plugin.version);
            json.key("abi").text(std::to_string(descriptor.abi_major) + "." +
                                 std::to_string(descriptor.abi_minor));
            json.key("handlers").beginArray();
            for (std::uint32_t i = 0; i < descriptor.handler_count; ++i) {
                json.text(plugin.name + "/" + descriptor.handlers[i]->name);
            }
            json.endArray();
            json.key("generation").number(number);
            json.key("jobsRun").number(static_cast<std::int64_t>(generation->jobsRun()));
            json.key("path").text(plugin.path);
            json.key("sha256").text(plugin.sha256);
            json.key("bytes").number(static_cast<std::int64_t>(plugin.bytes));
            json.key("memory").beginObject();
            writeMemory(map.of(plugin.copy));
            json.endObject();
        }
        json.key("state").text(state);
        if (!reason.empty()) {
            json.key("reason").text(reason);
        }
        if (!loaded.empty()) {
            std::size_t bytes = 0;
            PluginMemory memory;
            for (const Loaded& one : loaded) {
                bytes += one.bytes;
                memory += map.of(one.copy);
            }
            json.key("loaded").beginObject();
            json.key("files").number(static_cast<std::int64_t>(loaded.size()));
            json.key("bytes").number(static_cast<std::int64_t>(bytes));
            writeMemory(memory);
            json.endObject();
        }
        json.endObject();
    };
    const std::lock_guard lock(mutex_);
    json.beginArray();
    for (const auto& [name, entry] : entries_) {
        for (const Draining& old : draining_) {
            if (old.name == name) {
                write(name, old.generation, old.plugin.get(), "draining", "", {});
            }
        }
        if (entry.running != nullptr) {
            write(name,
                  entry.generation,
                  entry.running.get(),
                  "running",
                  entry.refused,
                  entry.loaded);
        } else if (!entry.refused.empty()) {
            write(name, entry.generation, nullptr, "refused", entry.refused, entry.loaded);
        } else if (!entry.loaded.empty()) {
            write(name, entry.generation, nullptr, "gone", "", entry.loaded);
        }
    }
    json.endArray();
    return json.str();
}

}  // namespace drover
