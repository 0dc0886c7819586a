#include <csignal>
#include <cstring>
#include <iostream>
#include <sstream>
#include <unistd.h>

#include "app/Commands.h"
#include "app/Configuration.h"
#include "app/LogWriter.h"
#include "plugin/HandlerHost.h"
#include "plugin/HandlerProtocol.h"

int main(int argc, char** argv) {
    // A peer that closes its socket is an error code, not the end of the process (pitfall H3).
    std::signal(SIGPIPE, SIG_IGN);
    if (argc > 1 && std::strcmp(argv[1], drover::wire::kOption) == 0) {
        return drover::runHandlerHost();
    }
    std::ostringstream errors;
    const auto code = drover::runCommand(
        {argv + 1, argv + argc}, drover::ConfigSources::processEnvironment(), std::cout, errors);
    if (const std::string text = errors.str(); !text.empty()) {
        // Its destructor waits a second at most: a reader that does not read must not keep a process from ending.
        drover::LogWriter(STDERR_FILENO, {}).push(text);
    }
    return static_cast<int>(code);
}
