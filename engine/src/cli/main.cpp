#include <csignal>
#include <cstring>
#include <iostream>
#include <sstream>
#include <unistd.h>

#include "cli/RunCommand.h"
#include "config/Configuration.h"
#include "plugin/isolation/HandlerChild.h"
#include "plugin/isolation/HandlerProtocol.h"
#include "process/Inherited.h"
#include "process/LogWriter.h"
#include "process/SignalThread.h"

// A sanitizer is not ready so early.
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) && !defined(__clang__)
namespace {

/// Blocks the signals that end a process, before the initialisers of the libraries run. main() sets the mask anew.
///
/// Before it, while the dynamic loader maps and relocates the libraries, such a signal ends the process: nothing of the
/// program runs there.
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
    const auto is = [&](const char* word) { return argc > 1 && std::strcmp(argv[1], word) == 0; };
    sigset_t blocked;
    sigemptyset(&blocked);
    if (is("run")) {
        // From the beginning: TERM then waits for the thread that ends the process in order.
        blocked = drover::SignalThread::handled();
    } else if (is(drover::wire::kOption)) {
        // The engine ends it, not an init system that signals all of the service.
        for (const int signal : {SIGTERM, SIGINT, SIGHUP}) {
            sigaddset(&blocked, signal);
        }
    }
    drover::resetInherited(blocked);
    if (is(drover::wire::kOption)) {
        return drover::runHandlerChild();
    }
    std::ostringstream errors;
    const auto code = drover::cli::runCommand(
        {argv + 1, argv + argc}, drover::ConfigSources::processEnvironment(), std::cout, errors);
    if (const std::string text = errors.str(); !text.empty()) {
        // Its destructor waits a second at most: a reader that does not read must not prevent the end of a process.
        drover::LogWriter(STDERR_FILENO, {}).push(text);
    }
    return static_cast<int>(code);
}
