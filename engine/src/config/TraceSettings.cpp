#include "config/TraceSettings.h"

#include <algorithm>
#include <optional>

#include <Poco/Exception.h>
#include <Poco/NumberParser.h>
#include <Poco/String.h>
#include <Poco/URI.h>

#include "config/Configuration.h"

namespace drover {

namespace {

/// A sampler of OpenTelemetry.
struct Sampler {
    const char* name;
    bool followsParent;
    std::optional<double> ratio;  ///< Absent: that of trace.sampling.
};

constexpr Sampler kSamplers[] = {{"parentbased_traceidratio", true, std::nullopt},
                                 {"traceidratio", false, std::nullopt},
                                 {"parentbased_always_on", true, 1.0},
                                 {"always_on", false, 1.0},
                                 {"parentbased_always_off", true, 0.0},
                                 {"always_off", false, 0.0}};

const Sampler* samplerOf(const std::string& name) {
    const auto* const found =
        std::find_if(std::begin(kSamplers), std::end(kSamplers), [&name](const Sampler& one) {
            return name == one.name;
        });
    return found == std::end(kSamplers) ? nullptr : found;
}

/// Reads "name=value,name=value", values percent-encoded. Returns std::nullopt for any other text.
std::optional<TraceSettings::Pairs> pairsOf(const std::string& text) {
    TraceSettings::Pairs pairs;
    for (const std::string& pair : splitList(text)) {
        const std::size_t equals = pair.find('=');
        const std::string name = Poco::trim(pair.substr(0, equals));
        if (equals == std::string::npos || name.empty()) {
            return std::nullopt;
        }
        try {
            std::string value;
            Poco::URI::decode(Poco::trim(pair.substr(equals + 1)), value);
            if (value.find_first_of(std::string_view("\r\n\0", 3)) != std::string::npos) {
                return std::nullopt;
            }
            pairs.emplace_back(name, std::move(value));
        } catch (const Poco::Exception&) {
            return std::nullopt;
        }
    }
    return pairs;
}

bool isUrl(const std::string& text) {
    try {
        const Poco::URI uri(text);
        return (uri.getScheme() == "http" || uri.getScheme() == "https") && !uri.getHost().empty();
    } catch (const Poco::Exception&) {
        return false;
    }
}

bool isOn(const Configuration& config) {
    return !config.text("trace.endpoint").empty() && !config.boolean("trace.disabled");
}

}  // namespace

TraceSettings TraceSettings::read(const Configuration& config) {
    TraceSettings settings;
    if (!isOn(config)) {
        return settings;
    }
    settings.endpoint = config.text("trace.endpoint");
    const Sampler& sampler = *samplerOf(config.text("trace.sampler"));
    settings.followsParent = sampler.followsParent;
    settings.ratio =
        sampler.ratio.value_or(Poco::NumberParser::parseFloat(config.text("trace.sampling")));
    settings.passUnsampled = config.boolean("trace.passUnsampled");
    settings.headers = *pairsOf(config.text("trace.headers"));
    settings.caFile = config.text("trace.caFile");
    settings.attributes = *pairsOf(config.text("trace.attributes"));
    const auto isName = [](const auto& pair) { return pair.first == "service.name"; };
    const std::string service = config.text("trace.service");
    if (!service.empty()) {
        std::erase_if(settings.attributes, isName);
    }
    if (std::none_of(settings.attributes.begin(), settings.attributes.end(), isName)) {
        settings.attributes.emplace(
            settings.attributes.begin(), "service.name", service.empty() ? "drover" : service);
    }
    settings.timeout = std::chrono::milliseconds(config.integer("trace.timeoutMs"));
    settings.delay = std::chrono::milliseconds(config.integer("trace.exportDelayMs"));
    settings.maxQueued = static_cast<std::size_t>(config.integer("trace.maxQueued"));
    settings.maxBatch =
        std::min(static_cast<std::size_t>(config.integer("trace.maxBatch")), settings.maxQueued);
    return settings;
}

void TraceSettings::check(const Configuration& config, std::vector<std::string>& problems) {
    if (!isOn(config)) {
        return;
    }
    const auto report = [&](const std::string& key, const std::string& sentence) {
        const auto value = config.find(key);
        const bool secret = config.schema().find(key)->secret;
        problems.push_back(value->origin + ": " + key + " = \"" + (secret ? "***" : value->text) +
                           "\": " + sentence);
    };
    if (!isUrl(config.text("trace.endpoint"))) {
        report("trace.endpoint", "expected a URL such as http://127.0.0.1:4318/v1/traces");
    }
    if (config.text("trace.protocol") != "http/json") {
        report("trace.protocol",
               "expected http/json: spans are sent by OTLP over HTTP, as JSON, which the HTTP port "
               "of a collector (4318) accepts as well; set trace.protocol to http/json, or "
               "trace.disabled to true");
    }
    if (samplerOf(config.text("trace.sampler")) == nullptr) {
        std::string names;
        for (const Sampler& sampler : kSamplers) {
            names += (names.empty() ? "" : ", ") + std::string(sampler.name);
        }
        report("trace.sampler", "expected one of " + names);
    }
    for (const char* key : {"trace.headers", "trace.attributes"}) {
        if (!pairsOf(config.text(key))) {
            report(key, "expected name=value, separated by commas, with percent-encoded values");
        }
    }
}

}  // namespace drover
