#include "bin/SchemaLibrary.h"

#include <dlfcn.h>
#include <filesystem>
#include <stdexcept>

namespace drover {

namespace {

/// Opens the library beside the binary, as in a build, or in the folder of an installation. It stays open: exceptions of its code are
/// alive longer than a call.
const cli::DatabaseSchema& opened() {
    const auto folder = std::filesystem::read_symlink("/proc/self/exe").parent_path();
    auto file = folder / DROVER_SCHEMA_LIBRARY;
    if (!std::filesystem::exists(file)) {
        file = folder / DROVER_LIB_FROM_BIN / DROVER_SCHEMA_LIBRARY;
    }
    void* const library = ::dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
    void* const function = library == nullptr ? nullptr : ::dlsym(library, DROVER_SCHEMA_SYMBOL);
    if (function == nullptr) {
        throw std::runtime_error(std::string("drover db needs a library of its own: ") +
                                 ::dlerror());
    }
    return *reinterpret_cast<StoredSchemaFunction>(function)();
}

}  // namespace

std::vector<std::string> SchemaLibrary::migrate(const Source& source) const {
    return opened().migrate(source);
}

std::vector<cli::DatabaseSchema::Change> SchemaLibrary::status(const Source& source) const {
    return opened().status(source);
}

std::vector<cli::DatabaseSchema::Pruned> SchemaLibrary::prune(
    const Source& source,
    std::chrono::seconds olderThan,
    const std::function<void(std::int64_t rows)>& onBatch) const {
    return opened().prune(source, olderThan, onBatch);
}

}  // namespace drover
