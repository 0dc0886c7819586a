// Handlers that end their process in the way that the job's data names: "segv", "abort", "exit", "leak", "hang" ...
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <drover/Handler.h>
#include <drover/Json.h>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <string_view>
#include <sys/mman.h>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>

namespace {

constexpr int kConnection = 3;
constexpr int kLog = 5;
constexpr std::size_t kMegabyte = 1 << 20;

bool writeMegabyte(void* memory) {
    if (memory != nullptr) {
        std::memset(memory, 1, kMegabyte);
    }
    return memory != nullptr;
}

std::size_t openDescriptors() {
    std::size_t count = 0;
    for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
        count += entry.path().empty() ? 0 : 1;
    }
    return count - 1;  // Without the descriptor that reads the folder.
}

/// Ends the process as `what` names it; returns for any other word.
void maybeCrash(std::string_view what) {
    if (what == "\"segv\"") {
        auto* nobodys = static_cast<volatile char*>(
            mmap(nullptr, kMegabyte, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
        *nobodys = 1;
    } else if (what == "\"abort\"") {
        std::abort();
    } else if (what == "\"exit\"") {
        std::exit(3);
    } else if (what == "\"leak\"") {
        // NOLINTNEXTLINE(clang-analyzer-cplusplus.NewDeleteLeaks): on purpose.
        while (writeMegabyte(::operator new(kMegabyte))) {
        }
    } else if (what == "\"hang\"") {
        while (true) {
            std::this_thread::sleep_for(std::chrono::hours(1));
        }
    } else if (what == "\"garbage\"") {
        const std::string garbage(64, '\xFF');
        (void)send(kConnection, garbage.data(), garbage.size(), 0);
        maybeCrash("\"hang\"");
    } else if (what == "\"disconnect\"") {
        shutdown(kConnection, SHUT_WR);
        maybeCrash("\"hang\"");
    }
}

class Crash : public drover::Handler {
public:
    explicit Crash(const drover::Config& config) : log_(config.log()) {
        if (config.has("refuseIf") && std::filesystem::exists(config.text("refuseIf"))) {
            throw std::runtime_error("not now");
        }
    }

    drover::Outcome process(drover::ActiveJob& job) override {
        const std::string_view what = job.data();
        maybeCrash(what);
        if (what == "\"pid\"") {
            return drover::completed(std::to_string(getpid()));
        }
        if (what == "\"descriptors\"") {
            return drover::completed(std::to_string(openDescriptors()));
        }
        if (what == "\"fill\"") {
            // NOLINTNEXTLINE(clang-analyzer-unix.Malloc): on purpose.
            while (writeMegabyte(std::malloc(kMegabyte))) {
            }
            return drover::failed("full");
        }
        if (what == "\"decided\"") {
            job.complete("1");
            std::abort();
        }
        if (what == "\"log\"") {
            job.addLog("a row");
            std::abort();
        }
        if (what == "\"last words\"") {
            job.log().error("last words");
            std::abort();
        }
        if (what == "\"garbled lines\"") {
            (void)send(kLog, "x", 1, 0);
            const std::string garbage(64, '\xFF');
            (void)send(kLog, garbage.data(), garbage.size(), 0);
            job.log().info("a whole line");
        }
        if (what == "\"print\"") {
            // More than a pipe holds.
            for (int line = 0; line < 20000; ++line) {
                std::fprintf(stderr, "printed line %d\n", line);
            }
        }
        if (what == "\"talk\"") {
            std::thread([log = log_] {
                std::this_thread::sleep_for(std::chrono::milliseconds(50));
                log.warning("after the run");
            }).detach();
        }
        return drover::completed(job.data());
    }

    std::optional<drover::Outcome> outcomeOf(const drover::ActiveJob& job) override {
        maybeCrash(job.data());
        return drover::completed("\"known\"");
    }

    std::optional<std::chrono::milliseconds> backoff(const drover::JobInfo& job,
                                                     int attemptsMade,
                                                     std::string_view type,
                                                     std::string_view reason) override {
        maybeCrash(job.data());
        return std::chrono::milliseconds(attemptsMade * 1000 + static_cast<int>(type.size()) * 100 +
                                         static_cast<int>(reason.size()));
    }

private:
    drover::EngineLog log_;
};

/// Decides its jobs one after the other; "token" completes with the cancel token that it sees, "wait" waits for it, "reason"
/// waits for it and completes with the words that came with it.
class Batch : public drover::BatchHandler {
public:
    void process(std::span<drover::ActiveJob> jobs) override {
        for (drover::ActiveJob& job : jobs) {
            maybeCrash(job.data());
            if (job.data() == "\"wait\"" || job.data() == "\"reason\"") {
                job.waitCancelled(std::chrono::seconds(30));
            }
            if (job.data() == "\"reason\"") {
                job.complete(drover::jsonString(job.cancelReason()));
                continue;
            }
            job.complete(job.data() == "\"token\"" || job.data() == "\"wait\""
                             ? std::to_string(static_cast<int>(job.cancelCause()))
                             : std::to_string(jobs.size()));
        }
    }
};

}  // namespace

DROVER_PLUGIN(drover::plugin("crashing", "1.0")
                  .handler<Crash>("crash", {.queue = "crash"})
                  .handler<Batch>("batch", {.queue = "crash", .jobNames = {"many"}, .batchMax = 64})
                  .key({.name = "refuseIf"}))
