#pragma once

#include <cstddef>

namespace drover {

/// One Lua script of engine/lua, includes in place. The array is generated at build time.
struct EmbeddedScript {
    const char* name;  ///< The operation: "addJobs".
    int keyCount;      ///< The number in the file name.
    const char* keys;  ///< The names of KEYS in the script's header, in their order: "wait active".
    const char* text;
};

extern const EmbeddedScript kEmbeddedScripts[];
extern const std::size_t kEmbeddedScriptCount;

}  // namespace drover
