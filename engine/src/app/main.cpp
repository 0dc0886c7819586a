#include <csignal>
#include <iostream>

#include "app/Commands.h"
#include "app/Configuration.h"

int main(int argc, char** argv) {
    // A peer that closes its socket is an error code, not the end of the process (pitfall H3).
    std::signal(SIGPIPE, SIG_IGN);
    return static_cast<int>(drover::runCommand({argv + 1, argv + argc},
                                               drover::ConfigSources::processEnvironment(),
                                               std::cout,
                                               std::cerr));
}
