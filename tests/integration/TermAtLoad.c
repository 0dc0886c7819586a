/* Preloaded: TERM arrives while the libraries of the program are initialised. */
#include <signal.h>

__attribute__((constructor)) static void at_load(void) { raise(SIGTERM); }
