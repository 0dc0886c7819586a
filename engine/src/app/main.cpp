#include <csignal>
#include <cstring>
#include <iostream>

#include "app/Commands.h"
#include "app/Configuration.h"
#include "plugin/HandlerHost.h"
#include "plugin/HandlerProtocol.h"

int main(int argc, char** argv) {
    // A peer that closes its socket is an error code, not the end of the process (pitfall H3).
    std::signal(SIGPIPE, SIG_IGN);
    if (argc > 1 && std::strcmp(argv[1], drover::wire::kOption) == 0) {
        return drover::runHandlerHost();
    }
    return static_cast<int>(drover::runCommand({argv + 1, argv + argc},
                                               drover::ConfigSources::processEnvironment(),
                                               std::cout,
                                               std::cerr));
}
