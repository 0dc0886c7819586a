// Returns its configuration as the result; accepts reloads.
#include <drover/Handler.h>
#include <stdexcept>
#include <string>

namespace {

class Configured : public drover::Handler {
public:
    explicit Configured(const drover::Config& config)
        : fixed_(config.integer("size")), greeting_(config.text("greeting")) {
        if (greeting_ == "refuse") {
            throw std::runtime_error("this greeting is rude");
        }
        seen_ = std::to_string(fixed_) + " " + std::to_string(config.number("ratio")) + " " +
                (config.boolean("loud") ? "loud" : "quiet") + " " +
                (config.has("optional") ? "set" : "unset") + " " + config.text("database.url");
    }

    drover::Outcome process(drover::ActiveJob&) override {
        return drover::completed("\"" + greeting_ + " " + seen_ + "\"");
    }

    void configure(const drover::Config& config) override {
        greeting_ = config.text("greeting");
        if (config.integer("size") != fixed_) {
            greeting_ = "size changed";
        }
    }

private:
    std::int64_t fixed_;
    std::string greeting_;
    std::string seen_;
};

void init(const drover::Config& config) {
    if (config.text("greeting") == "no init") {
        throw std::runtime_error("not today");
    }
}

}  // namespace

DROVER_PLUGIN(
    drover::plugin("configured", "1.0")
        .handler<Configured>("configured", {.queue = "c", .defaultOptions = R"({"threads": 2})"})
        .key({.name = "size",
              .type = drover::ConfigType::Integer,
              .minimum = 1,
              .maximum = 100,
              .required = true})
        .key({.name = "greeting", .defaultValue = "hello", .reloadable = true})
        .key({.name = "ratio",
              .type = drover::ConfigType::Number,
              .defaultValue = "0.5",
              .minimum = 0,
              .maximum = 1})
        .key({.name = "loud", .type = drover::ConfigType::Boolean, .defaultValue = "false"})
        .key({.name = "optional"})
        .key({.name = "database.url", .defaultValue = "none", .secret = true, .shared = true})
        .onInit(init))
