#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <rapidjson/document.h>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <cppunit/extensions/HelperMacros.h>

#include "drover/Exceptions.h"
#include "process/Process.h"
#include "support/Assert.h"
#include "support/Patience.h"

using drover::test::assertEqual;
using drover::test::assertLacks;
using drover::test::kPatience;

namespace {

using namespace drover;

/// The events, in order, and a way to wait for them.
class Diary {
public:
    void add(const std::string& entry) {
        const std::lock_guard<std::mutex> lock(mutex_);
        text_ += (text_.empty() ? "" : " ") + entry;
        changed_.notify_all();
    }
    std::string waitFor(const std::string& entry) {
        std::unique_lock<std::mutex> lock(mutex_);
        const bool seen = changed_.wait_for(
            lock, std::chrono::seconds(10), [&] { return text_.find(entry) != std::string::npos; });
        CPPUNIT_ASSERT_MESSAGE(entry + " never happened: " + text_, seen);
        return text_;
    }
    std::string text() {
        const std::lock_guard<std::mutex> lock(mutex_);
        return text_;
    }

private:
    std::mutex mutex_;
    std::condition_variable changed_;
    std::string text_;
};

/// Proposes what `make` returns, and writes the answer into the diary.
class FakeProposal : public Proposal {
public:
    using Make = std::function<std::optional<Configuration>(const Configuration&)>;
    FakeProposal(Make make, Diary& diary) : make_(std::move(make)), diary_(diary) {}

    std::optional<Configuration> configuration(const Configuration& inForce) override {
        return make_(inForce);
    }
    void onAdopted() override { diary_.add("adopted"); }
    void onRefused(const std::exception& error) override {
        diary_.add(std::string("refused:") + error.what());
    }

private:
    Make make_;
    Diary& diary_;
};

/// Writes into the diary; fails, or drains until it is stopped, if the test sets it so.
class FakeComponent : public Component {
public:
    FakeComponent(std::string name, Diary& diary) : name_(std::move(name)), diary_(diary) {}
    ~FakeComponent() override { diary_.add("~" + name_); }

    [[nodiscard]] const std::string& name() const override { return name_; }
    void start() override {
        diary_.add("start:" + name_);
        if (failsToStart) {
            throw std::runtime_error("no");
        }
    }
    void quiet() override { diary_.add("quiet:" + name_); }
    void resume() override { diary_.add("resume:" + name_); }
    [[nodiscard]] Proposals rescan(const Configuration& config, bool /*requested*/) override {
        if (onRescan) {
            onRescan(config);
        }
        return std::move(proposals);
    }
    [[nodiscard]] Change prepare(const Configuration& config) override {
        diary_.add("prepare:" + name_);
        if (refuses) {
            throw ConfigException("no");
        }
        return [this, level = config.text("log.level")] {
            diary_.add("reload:" + name_ + ":" + level);
        };
    }
    void drain(Clock::time_point deadline) override {
        diary_.add("drain:" + name_);
        std::unique_lock<std::mutex> lock(mutex_);
        if (drainsUntilStopped) {
            const bool stopped = changed_.wait_until(lock, deadline, [this] { return stopped_; });
            diary_.add((stopped ? "stopped:" : "late:") + name_);
        }
    }
    void stopNow() override {
        const std::lock_guard<std::mutex> lock(mutex_);
        stopped_ = true;
        changed_.notify_all();
    }
    [[nodiscard]] HealthReports health() const override {
        return {{name_, {healthy, "fine", {{"done", 3}}}}};
    }

    std::atomic<bool> refuses{false};
    std::function<void(const Configuration&)> onRescan;
    Proposals proposals;  ///< The proposals of the next rescan.
    bool failsToStart = false;
    bool drainsUntilStopped = false;
    bool healthy = true;

private:
    std::string name_;
    Diary& diary_;
    std::mutex mutex_;
    std::condition_variable changed_;
    bool stopped_ = false;
};

}  // namespace

/// The life of a process, with parts that only write a diary.
class AppEngineTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(AppEngineTest);
    CPPUNIT_TEST(partsStartInOrderAndEndInTheReverse);
    CPPUNIT_TEST(aPartThatCannotStartEndsAllParts);
    CPPUNIT_TEST(aSecondSignalEndsADrainAtOnce);
    CPPUNIT_TEST(aDrainEndsWithTheGraceTime);
    CPPUNIT_TEST(quietAndResumeReachEveryPart);
    CPPUNIT_TEST(reloadAppliesGoodFilesAndNoOthers);
    CPPUNIT_TEST(aChangeThatOnePartRefusesChangesNone);
    CPPUNIT_TEST(aReloadIsFollowedByARescan);
    CPPUNIT_TEST(onlyTheGivenTextsAreReloaded);
    CPPUNIT_TEST(proposedChangesAreAdoptedOneByOne);
    CPPUNIT_TEST(aRequestThatFailsEndsNothing);
    CPPUNIT_TEST(nothingIsConstructedBeforeTheServersAnswer);
    CPPUNIT_TEST(aServerThatNeverAnswersIsUnavailable);
    CPPUNIT_TEST(aSignalEndsTheWaitForServers);
    CPPUNIT_TEST(healthIsTheSumOfTheParts);
    CPPUNIT_TEST_SUITE_END();

public:
    void setUp() override {
        // Its parts write into the diary until they are gone.
        engine_.reset();
        diary_ = std::make_unique<Diary>();
        settings_ = {};
        settings_.settings = {"control.socket=off", "startup.timeoutMs=10000"};
        assembly_ = {};
        parts_.clear();
        for (const char* name : {"a", "b"}) {
            owned_.push_back(std::make_unique<FakeComponent>(name, *diary_));
            parts_.push_back(owned_.back().get());
        }
        assembly_.construct = [this](Process& /*engine*/) {
            diary_->add("construct");
            std::vector<std::unique_ptr<Component>> components;
            for (auto& part : owned_) {
                components.push_back(std::move(part));
            }
            owned_.clear();
            return components;
        };
    }

    void tearDown() override {
        if (thread_.joinable()) {
            engine_->onDrain(15);  // The test has failed half-way.
        }
        join();
        engine_.reset();
        owned_.clear();
    }

    void partsStartInOrderAndEndInTheReverse() {
        run();
        diary_->waitFor("start:b");
        engine_->onDrain(15);
        join();
        CPPUNIT_ASSERT(code_ == ExitCode::Ok);
        engine_.reset();
        assertEqual("construct start:a start:b quiet:b quiet:a drain:b drain:a ~b ~a",
                    diary_->text());
    }

    void aPartThatCannotStartEndsAllParts() {
        parts_[1]->failsToStart = true;
        run();
        join();
        assertEqual("no", error_);
        assertEqual("construct start:a start:b quiet:a drain:a", diary_->text());
    }

    void aSecondSignalEndsADrainAtOnce() {
        settings_.settings.emplace_back("shutdown.graceMs=60000");
        parts_[0]->drainsUntilStopped = true;
        run();
        diary_->waitFor("start:b");
        engine_->onDrain(15);
        diary_->waitFor("drain:a");
        engine_->onStopNow(15);
        diary_->waitFor("stopped:a");
        join();
        CPPUNIT_ASSERT(code_ == ExitCode::Ok);
    }

    void aDrainEndsWithTheGraceTime() {
        settings_.settings.emplace_back("shutdown.graceMs=50");
        parts_[0]->drainsUntilStopped = true;
        run();
        diary_->waitFor("start:b");
        engine_->onDrain(15);
        diary_->waitFor("late:a");
    }

    void quietAndResumeReachEveryPart() {
        run();
        diary_->waitFor("start:b");
        engine_->onQuiet();
        diary_->waitFor("quiet:b");
        awaitState("quiet");
        engine_->onResume();
        diary_->waitFor("quiet:a quiet:b resume:a resume:b");
        engine_->onDrain(2);
        join();
    }

    void reloadAppliesGoodFilesAndNoOthers() {
        run();
        diary_->waitFor("start:b");
        engine_->onReload();
        diary_->waitFor("reload:b:information");
        CPPUNIT_ASSERT_EQUAL(1, reloads_);
        engine_->onDrain(2);
        join();

        // A source that cannot be read any more: nothing is applied.
        setUp();
        settings_.files = {"/nonexistent/drover.properties"};
        run();
        diary_->waitFor("start:b");
        engine_->onReload();
        engine_->onQuiet();
        const std::string text = diary_->waitFor("quiet:b");
        CPPUNIT_ASSERT_EQUAL_MESSAGE(text, std::string::npos, text.find("reload"));
        CPPUNIT_ASSERT_EQUAL(1, reloads_);
        engine_->onDrain(2);
    }

    void aChangeThatOnePartRefusesChangesNone() {
        parts_[1]->refuses = true;
        run();
        diary_->waitFor("start:b");
        engine_->onReload();
        engine_->onQuiet();
        diary_->waitFor("prepare:a prepare:b quiet:a quiet:b");
        CPPUNIT_ASSERT_EQUAL(0, reloads_);
        parts_[1]->refuses = false;
        engine_->onReload();
        diary_->waitFor("prepare:a prepare:b reload:a:information reload:b:information");
        CPPUNIT_ASSERT_EQUAL(1, reloads_);
        engine_->onDrain(2);
    }

    void aReloadIsFollowedByARescan() {
        parts_[0]->onRescan = [this, first = true](const Configuration&) mutable {
            diary_->add("rescan");
            if (first) {
                first = false;
                engine_->rescan();
                engine_->rescan();
                engine_->onReload();
                engine_->onQuiet();
            }
        };
        run();
        diary_->waitFor("start:b");
        engine_->rescan();
        diary_->waitFor(
            "start:b rescan rescan prepare:a prepare:b reload:a:information reload:b:information "
            "rescan quiet:a");
        engine_->onDrain(15);
    }

    void onlyTheGivenTextsAreReloaded() {
        parts_[0]->onRescan = [this, first = true](const Configuration& config) mutable {
            if (first) {
                first = false;
                diary_->add(engine_->reload({{"another", ""}}) ? "taken" : "left");
                diary_->add(engine_->reload(config.filesNow()) ? "taken" : "left");
            }
        };
        run();
        diary_->waitFor("start:b");
        engine_->rescan();
        diary_->waitFor(
            "start:b left prepare:a prepare:b reload:a:information reload:b:information taken");
        engine_->onDrain(15);
    }

    void proposedChangesAreAdoptedOneByOne() {
        const auto propose = [this](FakeProposal::Make make) {
            parts_[0]->proposals.push_back(
                std::make_unique<FakeProposal>(std::move(make), *diary_));
        };
        propose([](const Configuration& inForce) { return inForce.reread(); });
        propose([](const Configuration&) { return std::nullopt; });
        propose([](const Configuration&) -> std::optional<Configuration> {
            throw std::runtime_error("broken");
        });
        propose([this](const Configuration& inForce) {
            parts_[1]->refuses = true;
            return inForce.reread();
        });
        run();
        diary_->waitFor("start:b");
        engine_->rescan();
        diary_->waitFor(
            "start:b prepare:a prepare:b reload:a:information reload:b:information adopted "
            "adopted refused:broken prepare:a prepare:b refused:");
        CPPUNIT_ASSERT_EQUAL(1, reloads_);
        engine_->onDrain(15);
    }

    void aRequestThatFailsEndsNothing() {
        parts_[0]->onRescan = [this](const Configuration&) {
            diary_->add("rescan");
            throw std::runtime_error("no");
        };
        run();
        diary_->waitFor("start:b");
        engine_->rescan();
        engine_->onQuiet();
        diary_->waitFor("rescan quiet:a quiet:b");
        engine_->onDrain(15);
        join();
        CPPUNIT_ASSERT(code_ == ExitCode::Ok);
        diary_->waitFor("drain:b drain:a");
    }

    void nothingIsConstructedBeforeTheServersAnswer() {
        int tries = 0;
        assembly_.probes = {{"redis", [this, &tries] {
                                 diary_->add("ask");
                                 if (++tries < 3) {
                                     throw std::runtime_error("loading");
                                 }
                             }}};
        run();
        assertEqual("ask ask ask construct start:a start:b", diary_->waitFor("start:b"));
        engine_->onDrain(15);
    }

    void aServerThatNeverAnswersIsUnavailable() {
        settings_.settings.emplace_back("startup.timeoutMs=1");
        assembly_.probes = {{"redis", [] { throw std::runtime_error("refused"); }}};
        run();
        join();
        CPPUNIT_ASSERT(code_ == ExitCode::Unavailable);
        CPPUNIT_ASSERT_EQUAL(std::string(), diary_->text());
    }

    void aSignalEndsTheWaitForServers() {
        assembly_.probes = {{"redis", [this] {
                                 diary_->add("ask");
                                 throw std::runtime_error("refused");
                             }}};
        run();
        diary_->waitFor("ask");
        assertEqual("starting", state());
        engine_->onDrain(15);
        join();
        CPPUNIT_ASSERT(code_ == ExitCode::Ok);
        assertLacks(diary_->text(), "construct");
    }

    void healthIsTheSumOfTheParts() {
        parts_[1]->healthy = false;
        run();
        diary_->waitFor("start:b");
        awaitState("running");
        rapidjson::Document report;
        report.Parse(engine_->healthJson().c_str());
        CPPUNIT_ASSERT(!report["ok"].GetBool());
        CPPUNIT_ASSERT_EQUAL(2U, report["checks"].Size());
        CPPUNIT_ASSERT(report["checks"][0]["ok"].GetBool());
        assertEqual("b", report["checks"][1]["name"].GetString());
        CPPUNIT_ASSERT(!report["checks"][1]["ok"].GetBool());
        CPPUNIT_ASSERT_EQUAL(3, report["checks"][1]["counts"]["done"].GetInt());
        engine_->onDrain(15);
    }

private:
    void run() {
        const Configuration config(settings_);
        // Problems of the sources are the command's business; a reload meets them again.
        ConfigSources readable = settings_;
        readable.files.clear();
        engine_ = std::make_unique<Process>(config,
                                            Settings::read(Configuration(readable)),
                                            ServiceManager(),
                                            [this](const Configuration&) { ++reloads_; });
        error_.clear();
        thread_ = std::thread([this] {
            try {
                code_ = engine_->run(assembly_);
            } catch (const std::exception& error) {
                error_ = error.what();
            }
        });
    }

    void join() {
        if (thread_.joinable()) {
            thread_.join();
        }
    }

    std::string state() {
        rapidjson::Document report;
        report.Parse(engine_->healthJson().c_str());
        return report["state"].GetString();
    }

    /// Waits for a state, which follows what the parts do.
    void awaitState(const std::string& wanted) {
        const auto end = std::chrono::steady_clock::now() + kPatience;
        while (state() != wanted) {
            CPPUNIT_ASSERT_MESSAGE("not " + wanted + ": " + state(),
                                   std::chrono::steady_clock::now() < end);
            std::this_thread::yield();
        }
    }

    std::unique_ptr<Diary> diary_;
    ConfigSources settings_;
    Assembly assembly_;
    std::vector<std::unique_ptr<FakeComponent>> owned_;
    std::vector<FakeComponent*> parts_;
    std::unique_ptr<Process> engine_;
    std::thread thread_;
    ExitCode code_ = ExitCode::Internal;
    std::string error_;
    int reloads_ = 0;
};

CPPUNIT_TEST_SUITE_REGISTRATION(AppEngineTest);
