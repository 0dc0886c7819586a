/* Preloaded: TERM for the process, as an init system sends it, arrives while the libraries of the program are initialised. */
#include <signal.h>
#include <unistd.h>

__attribute__((constructor)) static void at_load(void) {
    kill(getpid(), SIGTERM);
}
