#include "bin/SchemaLibrary.h"

#include <dlfcn.h>
#include <stdexcept>

namespace drover {

namespace {

/// Opens the library where the binary's RUNPATH leads, in the build as in an installation. It stays open: exceptions of its code
/// are alive longer than a call.
const cli::DatabaseSchema& opened() {
    void* const library = ::dlopen(DROVER_SCHEMA_LIBRARY, RTLD_NOW | RTLD_LOCAL);
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

}  // namespace drover
