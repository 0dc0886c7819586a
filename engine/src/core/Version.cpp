#include "core/Version.h"

#include "drover/BuildStamp.h"

namespace drover {

const char* version() {
    return DROVER_VERSION;
}
const char* buildStamp() {
    return DROVER_BUILD_STAMP;
}

}  // namespace drover
