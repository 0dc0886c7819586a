#include "process/Inherited.h"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <fcntl.h>
#include <pthread.h>
#include <sys/resource.h>
#include <unistd.h>

namespace drover {

namespace {

/// More would slow down programs that close every possible descriptor.
constexpr rlim_t kDescriptors = 65536;
/// The stack of the main thread may grow to the first size; other threads get at least the second.
constexpr rlim_t kMainStack = rlim_t{8} << 20;
constexpr std::size_t kStack = std::size_t{2} << 20;

void raise(int resource, rlim_t most) {
    rlimit limit{};
    if (getrlimit(static_cast<__rlimit_resource_t>(resource), &limit) == 0) {
        const rlim_t wanted = std::min(limit.rlim_max, most);
        if (limit.rlim_cur < wanted) {
            limit.rlim_cur = wanted;
            // Refused: the limit stays as it is.
            (void)setrlimit(static_cast<__rlimit_resource_t>(resource), &limit);
        }
    }
}

}  // namespace

void resetInherited(const sigset_t& blocked) {
    pthread_sigmask(SIG_SETMASK, &blocked, nullptr);
    for (int signal = 1; signal <= SIGRTMAX; ++signal) {
        struct sigaction action {};
        // The handler of a sanitizer stays. KILL, STOP and the signals of the C library refuse.
        if (sigaction(signal, nullptr, &action) == 0 && action.sa_handler == SIG_IGN &&
            signal != SIGHUP && signal != SIGINT && signal != SIGQUIT) {
            (void)std::signal(signal, SIG_DFL);
        }
    }
    for (const int signal : {SIGPIPE, SIGXFSZ}) {
        (void)std::signal(signal, SIG_IGN);
    }
    // A socket must not become the standard error of a process that was started without one.
    for (int fd = 0; fd <= 2; ++fd) {
        if (fcntl(fd, F_GETFD) < 0 && errno == EBADF) {
            (void)open("/dev/null", O_RDWR);  // The lowest number that is free: this one.
        }
    }
    raise(RLIMIT_NOFILE, kDescriptors);
    raise(RLIMIT_CPU, RLIM_INFINITY);
    raise(RLIMIT_STACK, kMainStack);
    // The default of threads was made of the soft limit before.
    pthread_attr_t attributes;
    if (pthread_getattr_default_np(&attributes) == 0) {
        std::size_t size = 0;
        if (pthread_attr_getstacksize(&attributes, &size) == 0 && size < kStack) {
            pthread_attr_setstacksize(&attributes, kStack);
            (void)pthread_setattr_default_np(&attributes);
        }
        pthread_attr_destroy(&attributes);
    }
}

}  // namespace drover
