#include <atomic>
#include <filesystem>
#include <map>
#include <string>
#include <thread>
#include <unistd.h>

#include <cppunit/extensions/HelperMacros.h>

#include "drover/Exceptions.h"
#include "process/ServiceManager.h"
#include "process/Watchdog.h"
#include "support/Assert.h"
#include "support/LogCapture.h"
#include "support/NotifySocket.h"

using drover::test::assertContains;
using drover::test::assertEqual;
using drover::test::NotifySocket;

using drover::ServiceManager;
using drover::Watchdog;
using Environment = std::map<std::string, std::string>;

/// The datagrams of sd_notify(3), as a service manager gets them.
class ServiceManagerTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(ServiceManagerTest);
    CPPUNIT_TEST(everyReportIsADatagram);
    CPPUNIT_TEST(anAbstractSocketIsReached);
    CPPUNIT_TEST(withoutAManagerNothingHappens);
    CPPUNIT_TEST(aManagerThatIsGoneCostsNothing);
    CPPUNIT_TEST(theWatchdogMayBeThatOfAParent);
    CPPUNIT_TEST(valuesOfAnotherFormAreRefused);
    CPPUNIT_TEST(theWatchdogIsFedUntilAPartStandsStill);
    CPPUNIT_TEST_SUITE_END();

public:
    void everyReportIsADatagram() {
        const NotifySocket socket(path());
        const ServiceManager manager(Environment{{"NOTIFY_SOCKET", socket.address()}});
        manager.onReady();
        assertEqual("READY=1\nSTATUS=running", socket.next());
        manager.onReload();
        const std::string reload = socket.next();
        assertEqual("RELOADING=1\nMONOTONIC_USEC=", reload.substr(0, 27));
        CPPUNIT_ASSERT(std::stoll(reload.substr(27)) > 0);
        manager.showStatus("waiting for redis\nWATCHDOG=1");
        assertEqual("STATUS=waiting for redis", socket.next());
        manager.feedWatchdog();
        assertEqual("WATCHDOG=1", socket.next());
        manager.onStop();
        assertEqual("STOPPING=1\nSTATUS=finishing running jobs", socket.next());
        CPPUNIT_ASSERT(!manager.watchdog());
        std::filesystem::remove(socket.address());
    }

    void anAbstractSocketIsReached() {
        const NotifySocket socket("@drover-notify-" + std::to_string(getpid()));
        ServiceManager(Environment{{"NOTIFY_SOCKET", socket.address()}}).feedWatchdog();
        assertEqual("WATCHDOG=1", socket.next());
    }

    void withoutAManagerNothingHappens() {
        const ServiceManager manager(Environment{{"WATCHDOG_USEC", "1000"}});
        manager.onReady();
        CPPUNIT_ASSERT(!manager.watchdog());
    }

    void aManagerThatIsGoneCostsNothing() {
        ServiceManager(Environment{{"NOTIFY_SOCKET", "/nowhere/at/all"}}).onReady();
    }

    void theWatchdogMayBeThatOfAParent() {
        const auto watchdog = [](const std::string& pid) {
            return ServiceManager(Environment{{"NOTIFY_SOCKET", "@x"},
                                              {"WATCHDOG_USEC", "30000000"},
                                              {"WATCHDOG_PID", pid}})
                .watchdog();
        };
        CPPUNIT_ASSERT(watchdog("") == std::chrono::seconds(30));
        CPPUNIT_ASSERT(watchdog(std::to_string(getpid())) == std::chrono::seconds(30));
        CPPUNIT_ASSERT(!watchdog(std::to_string(getppid())));
    }

    void valuesOfAnotherFormAreRefused() {
        for (const auto& [name, value] : Environment{
                 {"NOTIFY_SOCKET", "vsock:2:1"}, {"WATCHDOG_USEC", "30s"}, {"WATCHDOG_PID", "0"}}) {
            Environment environment{{"NOTIFY_SOCKET", "@x"}};
            environment[name] = value;
            try {
                const ServiceManager manager(environment);
                CPPUNIT_FAIL("accepted: " + name + "=" + value);
            } catch (const drover::ConfigException& error) {
                assertContains(error.message(), name);
                assertContains(error.message(), value);
            }
        }
    }

    void theWatchdogIsFedUntilAPartStandsStill() {
        const drover::test::LogCapture log("engine");
        const NotifySocket socket(path());
        const ServiceManager manager(
            Environment{{"NOTIFY_SOCKET", socket.address()}, {"WATCHDOG_USEC", "4000"}});
        std::atomic<bool> still{false};
        std::atomic<int> looks{0};
        const Watchdog watchdog(manager, [&]() -> std::string {
            ++looks;
            return still ? "queue x: no answer" : "";
        });
        for (int i = 0; i < 3; ++i) {
            assertEqual("WATCHDOG=1", socket.next());
        }
        still = true;
        // The look that may have begun before has ended when two more have begun.
        awaitLooks(looks, 2);
        while (!socket.isEmpty()) {
            static_cast<void>(socket.next());
        }
        awaitLooks(looks, 3);
        CPPUNIT_ASSERT(socket.isEmpty());
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, log.count("is not fed: queue x: no answer"));
        still = false;
        assertEqual("WATCHDOG=1", socket.next());
        std::filesystem::remove(socket.address());
    }

private:
    static std::string path() {
        return std::filesystem::temp_directory_path().string() + "/drover-notify-" +
               std::to_string(getpid());
    }

    static void awaitLooks(const std::atomic<int>& looks, int count) {
        const int before = looks;
        const auto deadline = std::chrono::steady_clock::now() + drover::test::kPatience;
        while (looks < before + count) {
            CPPUNIT_ASSERT(std::chrono::steady_clock::now() < deadline);
            std::this_thread::sleep_for(std::chrono::milliseconds(1));
        }
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(ServiceManagerTest);
