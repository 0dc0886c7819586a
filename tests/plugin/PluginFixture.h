#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include <cppunit/extensions/HelperMacros.h>

#include "drover/Exceptions.h"
#include "plugin/loading/PluginGeneration.h"
#include "plugin/loading/PluginLoader.h"
#include "support/Assert.h"
#include "support/FakeRunningJob.h"

namespace drover::test {

/// Loads the test plugins and runs jobs in them.
class PluginFixture : public CppUnit::TestFixture {
protected:
    static std::string modulePath(const std::string& name) {
        return std::string(DROVER_TEST_MODULES) + "/" + name + ".so";
    }

    /// Returns the text of the refusal; fails if `path` is loaded.
    static std::string refusalOf(const std::string& path) {
        try {
            (void)PluginLoader().load(path);
        } catch (const PluginException& error) {
            return error.message();
        }
        CPPUNIT_FAIL(path + " was not refused");
        return "";
    }

    /// A configuration of a few keys.
    static ConfigLookup lookupIn(std::map<std::string, std::string> values) {
        return [values = std::move(values)](const std::string& key) -> std::optional<std::string> {
            const auto found = values.find(key);
            return found == values.end() ? std::nullopt : std::optional(found->second);
        };
    }

    static std::shared_ptr<PluginGeneration> start(const std::string& path,
                                                   std::map<std::string, std::string> config = {}) {
        return PluginGeneration::start(PluginLoader().load(path), lookupIn(std::move(config)));
    }

    /// An instance of the handler at `index` of a test plugin.
    static std::unique_ptr<HandlerInstance> instanceOf(
        const std::string& name,
        std::size_t index = 0,
        std::map<std::string, std::string> config = {}) {
        return start(modulePath(name), std::move(config))->handlerTypes().at(index)->create();
    }

    /// Runs one job with this data and returns its outcome.
    static JobOutcome outcomeOfRun(HandlerInstance& instance,
                                   const std::string& data,
                                   const std::string& name = "echo") {
        FakeRunningJob job(data, name);
        RunningJob* const jobs[] = {&job};
        instance.process(jobs);
        return job.outcome;
    }

    static void assertOutcome(JobOutcome::Kind kind,
                              const std::string& text,
                              const JobOutcome& outcome) {
        CPPUNIT_ASSERT_EQUAL(text, outcome.text);
        CPPUNIT_ASSERT_EQUAL(static_cast<int>(kind), static_cast<int>(outcome.kind));
    }
};

}  // namespace drover::test
