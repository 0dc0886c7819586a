#include <sstream>
#include <thread>

#include <cppunit/extensions/HelperMacros.h>

#include "support/NodePeer.h"
#include "support/WorkerFixture.h"

namespace {

using namespace drover;
using namespace drover::test;
using Strings = std::vector<std::string>;

}  // namespace

/// Jobs with options, counters and queue settings of other types than the usual: BullMQ's worker and Drover's end
/// them alike.
///
/// The table is option-cases.cjs; each case is worked once by each side and compared in Redis.
class CompatOptionsTest : public WorkerFixture {
    CPPUNIT_TEST_SUITE(CompatOptionsTest);
    CPPUNIT_TEST(optionsOfAnyTypeDoWhatTheyDoIn670);
    CPPUNIT_TEST(optionsOfAnyTypeDoWhatTheyDoIn581);
    CPPUNIT_TEST(optionsOfAnyTypeDoWhatTheyDoIn548);
    CPPUNIT_TEST_SUITE_END();

public:
    void optionsOfAnyTypeDoWhatTheyDoIn670() { compare("6.7.0"); }
    void optionsOfAnyTypeDoWhatTheyDoIn581() { compare("5.81.5"); }
    void optionsOfAnyTypeDoWhatTheyDoIn548() { compare("5.48.1"); }

private:
    void compare(const std::string& version) {
        useOwnServer();
        node("prepare " + version + " theirs");
        node("work " + version + " theirs");
        Strings queues = linesOf(node("prepare " + version + " ours"));
        for (std::size_t from = 0; from < queues.size(); from += kTogether) {
            work({queues.begin() + static_cast<std::ptrdiff_t>(from),
                  queues.begin() +
                      static_cast<std::ptrdiff_t>(std::min(from + kTogether, queues.size()))});
        }
        Strings found = linesOf(node("compare " + version + " theirs ours"));
        std::cout << "\n" << version << ": " << found.back() << std::endl;
        found.pop_back();
        std::string all;
        for (const std::string& line : found) {
            all += line + "\n";
        }
        CPPUNIT_ASSERT_EQUAL(std::string(), all);
    }

    /// Until no job of any of them moves any more.
    void work(const Strings& queues) {
        std::vector<std::unique_ptr<Worker>> workers;
        for (const std::string& queue : queues) {
            auto tries = std::make_shared<int>(0);
            auto handler = std::make_shared<FakeHandler>([tries](auto jobs) {
                for (RunningJob* job : jobs) {
                    job->setOutcome(outcomeOf(*job, *tries));
                }
            });
            settings_.concurrency = 1;
            workers.push_back(startWorker(settings_, queue, std::move(handler)));
        }
        Strings before;
        for (int still = 0; still < 5;) {
            std::this_thread::sleep_for(std::chrono::milliseconds(50));
            Strings now;
            for (const std::string& queue : queues) {
                const Reply last =
                    redis({"XREVRANGE", "bull:" + queue + ":events", "+", "-", "COUNT", "1"});

                now.push_back(last.size() == 0 ? "" : std::string(last.at(0).at(0).text()));
            }
            still = now == before ? still + 1 : 0;
            before = std::move(now);
        }
        for (const auto& worker : workers) {
            worker->drain();
        }
    }

    /// As option-cases.cjs has it.
    static JobOutcome outcomeOf(RunningJob& job, int& tries) {
        if (job.job().name == "log") {
            for (const char* row : {"a", "b", "c"}) {
                job.addLog(row);
            }
        }
        if (job.job().name == "fail" && ++tries <= 5) {
            return {JobOutcome::Kind::Failed, "told to fail", "", 0};
        }
        return {JobOutcome::Kind::Completed, "\"done\"", "", 0};
    }

    /// Returns the output of option-cases.cjs.
    std::string node(const std::string& arguments) {
        return runNodeScript("compat/option-cases.cjs", *server_, arguments);
    }

    static Strings linesOf(const std::string& text) {
        Strings lines;
        std::istringstream stream(text);
        for (std::string line; std::getline(stream, line);) {
            lines.push_back(line);
        }
        return lines;
    }

    /// Queues that are worked at the same time.
    static constexpr std::size_t kTogether = 50;
};

CPPUNIT_TEST_SUITE_REGISTRATION(CompatOptionsTest);
