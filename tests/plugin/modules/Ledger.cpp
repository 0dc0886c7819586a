// Writes the id of each job and the number of this build into a file, once it has had some work with the job.
#include <chrono>
#include <drover/Handler.h>
#include <fcntl.h>
#include <stdexcept>
#include <string>
#include <unistd.h>

namespace {

/// Tests write another number over it in the file, and so have another build. Volatile: the compiler must not assume
/// its value.
volatile const char kBuild[] = "build 00000";

class Ledger : public drover::Handler {
public:
    explicit Ledger(const drover::Config& config)
        : file_(::open(
              config.text("path").c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600)) {
        for (const volatile char* c = kBuild; *c != '\0'; ++c) {
            build_ += *c;
        }
    }
    ~Ledger() override { ::close(file_); }

    drover::Outcome process(drover::ActiveJob& job) override {
        static_cast<void>(job.waitCancelled(std::chrono::milliseconds(1)));
        const std::string line = std::string(job.id()) + " " + build_ + "\n";
        if (::write(file_, line.data(), line.size()) != static_cast<ssize_t>(line.size())) {
            throw std::runtime_error("the ledger cannot be written");
        }
        return drover::completed("1");
    }

private:
    int file_;
    std::string build_;
};

}  // namespace

DROVER_PLUGIN(drover::plugin("ledger", "1")
                  .handler<Ledger>("ledger", {.queue = "ledger"})
                  .key({.name = "path", .required = true}))
