#include "host/PluginListJson.h"

#include <cstddef>
#include <cstdint>

#include "drover/JsonWriter.h"
#include "plugin/loading/PluginMemory.h"

namespace drover {

namespace {

/// Writes the members of one generation or file at a time.
class ListWriter {
public:
    void begin(const std::string& name) {
        json_.beginObject();
        json_.key("name").text(name);
        json_.key("kind").text("handler");
    }

    void generation(int number, const PluginGeneration& generation) {
        const LoadedPlugin& plugin = generation.plugin();
        const drover_plugin_descriptor& descriptor = generation.descriptor();
        json_.key("version").text(plugin.version);
        json_.key("abi").text(std::to_string(descriptor.abi_major) + "." +
                              std::to_string(descriptor.abi_minor));
        json_.key("handlers").beginArray();
        for (std::uint32_t i = 0; i < descriptor.handler_count; ++i) {
            json_.text(plugin.name + "/" + descriptor.handlers[i]->name);
        }
        json_.endArray();
        json_.key("generation").number(number);
        json_.key("jobsRun").number(static_cast<std::int64_t>(generation.jobsRun()));
        json_.key("path").text(plugin.path);
        json_.key("sha256").text(plugin.sha256);
        json_.key("bytes").number(static_cast<std::int64_t>(plugin.bytes));
        json_.key("memory").beginObject();
        memory(map_.of(plugin.copy));
        json_.endObject();
    }

    void state(const char* state, const std::string& reason) {
        json_.key("state").text(state);
        if (!reason.empty()) {
            json_.key("reason").text(reason);
        }
    }

    void loaded(const std::vector<PluginRecord::LoadedFile>& files) {
        if (files.empty()) {
            return;
        }
        std::size_t bytes = 0;
        PluginMemory sum;
        for (const PluginRecord::LoadedFile& file : files) {
            bytes += file.bytes;
            sum += map_.of(file.copy);
        }
        json_.key("loaded").beginObject();
        json_.key("files").number(static_cast<std::int64_t>(files.size()));
        json_.key("bytes").number(static_cast<std::int64_t>(bytes));
        memory(sum);
        json_.endObject();
    }

    void end() { json_.endObject(); }

    [[nodiscard]] JsonWriter& json() { return json_; }

private:
    void memory(const PluginMemory& memory) {
        json_.key("rss").number(static_cast<std::int64_t>(memory.rss));
        json_.key("private").number(static_cast<std::int64_t>(memory.ownPages));
    }

    JsonWriter json_;
    const MemoryMap map_;
};

void writeRecord(ListWriter& list, const std::string& name, const PluginRecord& record) {
    for (const PluginRecord::Draining& old : record.draining) {
        list.begin(name);
        list.generation(old.generation, *old.plugin);
        list.state("draining", "");
        list.end();
    }
    const bool isListed =
        record.running != nullptr || !record.refused.empty() || !record.loaded.empty();
    if (!isListed) {
        return;
    }
    list.begin(name);
    if (record.running != nullptr) {
        list.generation(record.generation, *record.running);
        list.state("running", record.refused);
    } else {
        list.state(record.refused.empty() ? "gone" : "refused", record.refused);
    }
    list.loaded(record.loaded);
    list.end();
}

}  // namespace

std::string pluginListJson(const PluginRecords::Map& records) {
    ListWriter list;
    list.json().beginArray();
    for (const auto& [name, record] : records) {
        writeRecord(list, name, record);
    }
    list.json().endArray();
    return list.json().str();
}

}  // namespace drover
