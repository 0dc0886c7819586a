#include <drover/Service.h>

class Nothing : public drover::Service {};

static const drover::ServiceDescriptor kDescriptor = {
    DROVER_BUILD_STAMP,
    "outside-service",
    "1.0.0",
    "Does nothing.",
    {},
    {},
    [](drover::ServiceContext&) -> std::unique_ptr<drover::Service> {
        return std::make_unique<Nothing>();
    }};
DROVER_SERVICE(kDescriptor);
