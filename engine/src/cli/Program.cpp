#include "cli/Program.h"

#include <csignal>
#include <cstring>
#include <iostream>
#include <sstream>
#include <unistd.h>

#include "cli/RunCommand.h"
#include "cli/Terminal.h"
#include "config/Configuration.h"
#include "plugin/isolation/HandlerChild.h"
#include "plugin/isolation/HandlerProtocol.h"
#include "process/Inherited.h"
#include "process/LogWriter.h"
#include "process/SignalThread.h"

namespace drover::cli {

int runProgram(int argc, char** argv, const DatabaseSchema& schema) {
    const auto is = [&](const char* word) { return argc > 1 && std::strcmp(argv[1], word) == 0; };
    sigset_t blocked;
    sigemptyset(&blocked);
    if (is("run")) {
        // From the beginning: TERM then waits for the thread that ends the process in order.
        blocked = SignalThread::handled();
    } else if (is(wire::kOption)) {
        // The engine ends it, not an init system that signals all of the service.
        for (const int signal : {SIGTERM, SIGINT, SIGHUP}) {
            sigaddset(&blocked, signal);
        }
    }
    resetInherited(blocked);
    if (is(wire::kOption)) {
        return runHandlerChild();
    }
    std::ostringstream errors;
    ExitCode code = ExitCode::Ok;
    {
        ProcessTerminal terminal;
        code = runCommand({argv + 1, argv + argc},
                          ConfigSources::processEnvironment(),
                          schema,
                          std::cout,
                          errors,
                          terminal);
    }
    if (const std::string text = errors.str(); !text.empty()) {
        // Its destructor waits a second at most: a reader that does not read must not prevent the end of a process.
        LogWriter(STDERR_FILENO, {}).push(text);
    }
    return static_cast<int>(code);
}

}  // namespace drover::cli
