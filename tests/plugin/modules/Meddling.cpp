// A handler that changes the whole process: its locale, and the handling of children.
#include <clocale>
#include <csignal>
#include <drover/Handler.h>
#include <locale>
#include <string>

namespace {

/// 1234 is 1,2,3,4.
class Grouping : public std::numpunct<char> {
    char do_thousands_sep() const override { return ','; }
    char do_decimal_point() const override { return ';'; }
    std::string do_grouping() const override { return "\1"; }
};

class Meddling : public drover::Handler {
public:
    Meddling() {
        std::locale::global(std::locale(std::locale::classic(), new Grouping));
        std::setlocale(LC_ALL, "de_DE.UTF-8");
        std::signal(SIGCHLD, SIG_IGN);
        std::signal(SIGTERM, SIG_IGN);
    }
    drover::Outcome process(drover::ActiveJob& job) override {
        return drover::completed(job.data());
    }
};

}  // namespace

DROVER_PLUGIN(drover::plugin("meddling", "1.0").handler<Meddling>("meddle", {.queue = "meddle"}))
