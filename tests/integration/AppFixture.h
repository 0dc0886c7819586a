#pragma once

#include <chrono>
#include <csignal>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <unistd.h>

#include <cppunit/TestFixture.h>
#include <cppunit/extensions/HelperMacros.h>

#include "integration/AppProcess.h"
#include "redis/RedisOptions.h"
#include "support/Patience.h"
#include "support/RedisServer.h"
#include "support/WholeQueue.h"

namespace drover::test {

/// A process of the binary with an empty folder of plugins, and a queue of its own on the shared server.
class AppFixture : public CppUnit::TestFixture {
public:
    void setUp() override {
        app_ = std::make_unique<AppProcess>();
        folder_ = app_->path("plugins");
        std::filesystem::create_directory(folder_);
        static int number = 0;
        queueName_ = "app-" + std::to_string(getpid()) + "-" + std::to_string(++number);
    }
    void tearDown() override { app_.reset(); }

protected:
    /// Plugins as they are shipped, and those of tests.
    static inline const std::string kPlugins = DROVER_BINARY_DIR "/plugins/";
    static inline const std::string kModules = DROVER_BINARY_DIR "/tests/plugin/modules/";

    static std::string redisPort() { return std::to_string(RedisServer::shared().port()); }

    /// Copies the file into the folder of plugins.
    void drop(const std::filesystem::path& file) const {
        std::filesystem::copy_file(file, folder_ + "/" + file.filename().string());
    }

    /// A client of the queue `queueName_` and `suffix`.
    [[nodiscard]] WholeQueue makeQueue(const std::string& suffix = "") const {
        RedisOptions redis(redisAt(RedisServer::shared().port()));
        Queue::Settings settings;
        settings.name = queueName_ + suffix;
        settings.addTimeout = std::chrono::seconds(10);
        return WholeQueue(redis, settings);
    }

    /// Ends the process in order.
    void end() {
        app_->signal(SIGTERM);
        CPPUNIT_ASSERT_EQUAL_MESSAGE(app_->err(), 0, app_->wait());
    }

    static void waitUntil(const std::function<bool()>& condition,
                          std::chrono::milliseconds timeout = kPatience) {
        const auto deadline = std::chrono::steady_clock::now() + timeout;
        while (!condition()) {
            CPPUNIT_ASSERT_MESSAGE("not within " + std::to_string(timeout.count()) + " ms",
                                   std::chrono::steady_clock::now() < deadline);
            std::this_thread::sleep_for(std::chrono::milliseconds(2));
        }
    }

    std::unique_ptr<AppProcess> app_;
    std::string folder_;  ///< The folder of plugins.
    std::string queueName_;
};

}  // namespace drover::test
