// Runs a program that gets the orphans among its descendants as children, as process 1 of a container does.
// Usage: drover_subreaper PROGRAM [ARGUMENT...]
#include <cstdio>
#include <sys/prctl.h>
#include <unistd.h>

int main(int argc, char** argv) {
    if (argc < 2 || prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0) {
        return 64;
    }
    execv(argv[1], argv + 1);  // Keeps the setting.
    std::perror(argv[1]);
    return 127;
}
