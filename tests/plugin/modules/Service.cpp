// A service of this build, with a route of its own.
#include <drover/Service.h>

namespace {

class Good : public drover::Service {
public:
    explicit Good(drover::ServiceContext& context) {
        drover::Route route;
        route.method = "POST";
        route.path = "/good";
        route.source = "plugin good-service";
        route.handler = [](const drover::Request&) { return drover::Response{}; };
        context.routes().add(std::move(route));
    }
};

const drover::ServiceDescriptor kDescriptor = {
    DROVER_BUILD_STAMP,
    "good-service",
    "1.2",
    "Answers at /good.",
    {{sizeof(drover_config_key), DROVER_CONFIG_INT, 0, 0, 1, 65535, "port", "4000", "Where."}},
    {"route"},
    [](drover::ServiceContext& context) -> std::unique_ptr<drover::Service> {
        return std::make_unique<Good>(context);
    }};

}  // namespace

DROVER_SERVICE(kDescriptor);
