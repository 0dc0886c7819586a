#pragma once

#include <csignal>
#include <thread>

namespace drover {

/// The reactions of a process to signals. Called on the signal thread, one at a time; must not block for long.
class SignalListener {
public:
    virtual ~SignalListener() = default;
    virtual void onDrain(
        int signal) = 0;  ///< TERM or INT, the first one: finish what runs, then end.
    virtual void onStopNow(int signal) = 0;  ///< TERM or INT, every further one: end at once.
    virtual void onReload() = 0;             ///< HUP.
    virtual void onQuiet() = 0;              ///< TSTP: claim nothing new.
    virtual void onResume() = 0;             ///< CONT: claim again.
};

/// Waits for signals in a thread of its own and calls a listener.
///
/// block() must have been called before the first other thread was made, so that every thread inherits the mask and no
/// signal finds a thread that would die of it. A child process inherits the mask too: its starter resets it.
/// Owns its thread; the destructor ends it.
class SignalThread {
public:
    /// The signals that it waits for, and the one that ends it.
    static sigset_t handled();
    /// Blocks the signals in this thread and in every one that it will make.
    static void block();

    explicit SignalThread(SignalListener& listener);
    ~SignalThread();
    SignalThread(const SignalThread&) = delete;
    SignalThread& operator=(const SignalThread&) = delete;

private:
    void run();

    SignalListener& listener_;
    std::thread thread_;
};

}  // namespace drover
