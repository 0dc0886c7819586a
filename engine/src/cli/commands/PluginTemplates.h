#pragma once

#include <cstddef>

namespace drover::cli {

/// One file of a new plugin, of engine/templates/plugin. @NAME@, @CLASS@ and @VERSION@ stand for the plugin's name, the same
/// in PascalCase, and the version of the engine, in the text as in the file name. The array is generated at build time.
struct PluginTemplate {
    const char* file;
    const char* text;
};

extern const PluginTemplate kPluginTemplates[];
extern const std::size_t kPluginTemplateCount;

}  // namespace drover::cli
