// A service of this build.
#include <drover/Service.h>

namespace {

class Nothing : public drover::Service {};

const drover::ServiceDescriptor kDescriptor = {
    DROVER_BUILD_STAMP,
    "good-service",
    "1.2",
    "Does nothing.",
    {{sizeof(drover_config_key), DROVER_CONFIG_INT, 0, 0, 1, 65535, "port", "4000", "Where."}},
    {"route"},
    [](drover::ServiceContext&) -> std::unique_ptr<drover::Service> {
        return std::make_unique<Nothing>();
    }};

}  // namespace

DROVER_SERVICE(kDescriptor);
