#include <csignal>

#include "bin/SchemaLibrary.h"
#include "cli/Program.h"

// A sanitizer is not ready so early.
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) && !defined(__clang__)
namespace {

/// Blocks the signals that end a process, before the initialisers of the libraries run. runProgram() sets the mask anew.
///
/// Before it, while the dynamic loader maps and relocates the libraries, such a signal ends the process: nothing of the
/// program runs there. The section exists in executables only.
void blockEarly(int /*argc*/, char** /*argv*/, char** /*environment*/) {
    sigset_t set;
    sigemptyset(&set);
    for (const int signal : {SIGTERM, SIGINT, SIGHUP}) {
        sigaddset(&set, signal);
    }
    sigprocmask(SIG_BLOCK, &set, nullptr);
}

[[gnu::used,
  gnu::section(".preinit_array")]] void (*const kBlockEarly)(int, char**, char**) = &blockEarly;

}  // namespace
#endif

int main(int argc, char** argv) {
    return drover::cli::runProgram(argc, argv, drover::SchemaLibrary());
}
