#include "process/SignalThread.h"

#include <pthread.h>

#include <Poco/Logger.h>

namespace drover {

namespace {

/// Ends the thread; a process-directed USR2 of a stranger is ignored, see run().
constexpr int kEnd = SIGUSR2;

}  // namespace

sigset_t SignalThread::handled() {
    sigset_t set;
    sigemptyset(&set);
    for (const int signal : {SIGTERM, SIGINT, SIGHUP, SIGTSTP, SIGCONT, kEnd}) {
        sigaddset(&set, signal);
    }
    return set;
}

void SignalThread::block() {
    const sigset_t set = handled();
    pthread_sigmask(SIG_BLOCK, &set, nullptr);
}

SignalThread::SignalThread(SignalListener& listener) : listener_(listener) {
    block();
    thread_ = std::thread([this] { run(); });
}

SignalThread::~SignalThread() {
    // The value distinguishes this signal from one of another process.
    union sigval own {};
    own.sival_ptr = this;
    pthread_sigqueue(thread_.native_handle(), kEnd, own);
    thread_.join();
}

void SignalThread::run() {
    pthread_setname_np(pthread_self(), "signals");
    const sigset_t set = handled();
    bool draining = false;
    while (true) {
        siginfo_t info{};
        const int signal = sigwaitinfo(&set, &info);
        if (signal == kEnd && info.si_code == SI_QUEUE && info.si_value.sival_ptr == this) {
            return;
        }
        try {
            switch (signal) {
                case SIGTERM:
                case SIGINT:
                    draining ? listener_.onStopNow(signal) : listener_.onDrain(signal);
                    draining = true;
                    break;
                case SIGHUP:
                    listener_.onReload();
                    break;
                case SIGTSTP:
                    listener_.onQuiet();
                    break;
                case SIGCONT:
                    listener_.onResume();
                    break;
                default:
                    // EINTR (a debugger), or a USR2 of another process.
                    break;
            }
        } catch (const std::exception& error) {
            // A failed reload must leave the ability to stop.
            Poco::Logger::get("signals").error(std::string("signal handling failed: ") +
                                               error.what());
        }
    }
}

}  // namespace drover
