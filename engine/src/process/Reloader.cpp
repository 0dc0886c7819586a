#include "process/Reloader.h"

#include <string>
#include <utility>

#include <Poco/Logger.h>

#include "config/KeyNames.h"
#include "config/Settings.h"
#include "drover/Exceptions.h"
#include "process/Logging.h"

namespace drover {

namespace {

Poco::Logger& logger() {
    return Poco::Logger::get("engine");
}

/// Logs a line for each key whose value changes, and for each change that waits for a restart.
void logChanges(const Configuration& config, const Configuration& fresh) {
    auto before = config.effective();
    const auto after = fresh.effective();
    for (const auto& [key, value] : after) {
        // A default that no file has to name: plugin.<name>.isolation.
        if (aliasOf(key).empty() && config.schema().find(key) != nullptr) {
            if (const auto old = config.find(key)) {
                before.emplace(key, *old);
            }
        }
    }
    for (const auto& [key, value] : after) {
        const auto old = before.find(key);
        if (old == before.end() ? value.origin == "default" : old->second.text == value.text) {
            continue;
        }
        const KeySpec* spec = fresh.schema().find(key);
        if (spec != nullptr && spec->secret) {
            logger().information(value.origin + ": " + key + " has changed");
        } else {
            logger().information(value.origin + ": " + key + " is " + value.text + " now" +
                                 (old == before.end() ? "" : ", it was " + old->second.text));
        }
    }
    for (const auto& [key, value] : before) {
        const bool known = fresh.schema().find(key) != nullptr || fresh.schema().inTable(key);
        if (!known || after.count(key) != 0 || value.origin == "default") {
            continue;
        }
        logger().information(key + " is not set any more");
    }
    for (const auto& [key, value] : fresh.deferred()) {
        const auto logged = config.deferred().find(key);
        const auto& now = value.said;
        if (logged != config.deferred().end() &&
            now.has_value() == logged->second.said.has_value() &&
            (!now || now->text == logged->second.said->text)) {
            continue;
        }
        logger().warning(now ? now->origin + ": " + key + " has changed and needs a restart"
                             : key + " is not set any more, which needs a restart");
    }
}

}  // namespace

Reloader::Reloader(Configuration config, std::function<void(const Configuration&)> adopted)
    : config_(std::move(config)), adopted_(std::move(adopted)) {}

void Reloader::reload(const Components& components) {
    check(config_.reread(), components);
}

bool Reloader::reload(const FileTexts& texts, const Components& components) {
    Configuration fresh = config_.reread();
    if (fresh.filesRead() != texts) {
        return false;
    }
    check(std::move(fresh), components);
    return true;
}

void Reloader::check(Configuration fresh, const Components& components) {
    Logging::hide(fresh);
    std::vector<std::string> problems = emptiedFiles(fresh.filesRead(), config_.filesRead());
    if (problems.empty()) {
        problems = Settings::check(fresh);
    }
    if (problems.empty()) {
        fresh.deferToRestart(config_);
        try {
            adopt(std::move(fresh), components);
            logger().information("configuration reloaded");
        } catch (const Exception& error) {
            problems.push_back(error.message());
        } catch (const std::exception& error) {
            problems.push_back(messageOf(error));
        }
    }
    for (const std::string& problem : problems) {
        logger().error("not reloaded: " + problem);
    }
}

void Reloader::consider(Proposal& proposal, const Components& components) {
    try {
        if (auto fresh = proposal.configuration(config_)) {
            adopt(std::move(*fresh), components);
        }
    } catch (const std::exception& error) {
        proposal.onRefused(error);
        return;
    }
    proposal.onAdopted();
}

void Reloader::adopt(Configuration fresh, const Components& components) {
    std::vector<Component::Change> changes;
    for (Component* component : components) {
        if (Component::Change change = component->prepare(fresh)) {
            changes.push_back(std::move(change));
        }
    }
    // Nothing below refuses the change.
    logChanges(config_, fresh);
    config_ = std::move(fresh);
    adopted_(config_);
    for (const Component::Change& change : changes) {
        change();
    }
}

}  // namespace drover
