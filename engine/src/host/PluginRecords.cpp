#include "host/PluginRecords.h"

#include <algorithm>
#include <cstdint>
#include <utility>

#include "core/Log.h"
#include "plugin/loading/PluginMemory.h"

namespace drover {

namespace {

std::string kilobytes(std::uint64_t bytes) {
    return std::to_string((bytes + 512) / 1024) + " kB";
}

/// Returns true for a generation that only its record holds: its handlers' types, their instances and their threads held it.
bool hasEnded(const PluginRecord::Draining& old) {
    return old.plugin.use_count() == 1;
}

void logEnd(const PluginRecord::Draining& old) {
    const LoadedPlugin& plugin = old.plugin->plugin();
    Log("plugins").information(titleOf(plugin, old.generation) + ": has ended after " +
                                   std::to_string(old.plugin->jobsRun()) + " jobs; " +
                                   kilobytes(plugin.bytes + MemoryMap().of(plugin.copy).ownPages) +
                                   " stay in memory",
                               {.plugin = plugin.name});
}

}  // namespace

std::string titleOf(const LoadedPlugin& plugin, int generation) {
    return "version " + plugin.version + ", generation " + std::to_string(generation);
}

const PluginRecord& PluginRecords::of(const std::string& name) {
    const std::lock_guard lock(mutex_);
    return records_[name];
}

bool PluginRecords::anyDraining() const {
    return std::any_of(records_.begin(), records_.end(), [](const auto& one) {
        return !one.second.draining.empty();
    });
}

void PluginRecords::addService(const std::string& name) {
    const std::lock_guard lock(mutex_);
    records_[name].service = true;
}

void PluginRecords::addLoaded(const std::string& name, const LoadedPlugin& plugin) {
    const std::lock_guard lock(mutex_);
    records_[name].loaded.push_back({plugin.copy, plugin.bytes});
}

void PluginRecords::switchTo(const std::string& name,
                             std::shared_ptr<PluginGeneration> next,
                             HandlerRegistry::Types types) {
    const std::lock_guard lock(mutex_);
    PluginRecord& record = records_[name];
    if (record.running != nullptr) {
        record.draining.push_back({record.generation, std::move(record.running)});
    }
    record.generation += next != nullptr ? 1 : 0;
    record.running = std::move(next);
    record.types = std::move(types);
}

void PluginRecords::setRefused(const std::string& name, const std::string& reason) {
    const std::lock_guard lock(mutex_);
    records_[name].refused = reason;
}

void PluginRecords::dropEnded() {
    const std::lock_guard lock(mutex_);
    for (auto& [name, record] : records_) {
        const auto ended = std::stable_partition(record.draining.begin(),
                                                 record.draining.end(),
                                                 [](const auto& old) { return !hasEnded(old); });
        std::for_each(ended, record.draining.end(), logEnd);
        record.draining.erase(ended, record.draining.end());
    }
}

HandlerRegistry::Types PluginRecords::typesWith(const std::string& name,
                                                const HandlerRegistry::Types& instead) const {
    HandlerRegistry::Types types;
    for (const auto& [known, record] : records_) {
        if (known != name) {
            types.insert(types.end(), record.types.begin(), record.types.end());
        }
    }
    types.insert(types.end(), instead.begin(), instead.end());
    return types;
}

}  // namespace drover
