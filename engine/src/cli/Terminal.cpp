#include "cli/Terminal.h"

#include <iostream>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <unistd.h>

namespace drover::cli {

namespace {

winsize screen() {
    winsize size{};
    if (isatty(STDOUT_FILENO) == 0 || ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0) {
        return {};
    }
    // Some terminals do not know their size.
    size.ws_col = size.ws_col == 0 ? 80 : size.ws_col;
    size.ws_row = size.ws_row == 0 ? 24 : size.ws_row;
    return size;
}

/// Sends a text to the standard error. A terminal that is gone gets none.
void show(const std::string& text) {
    if (write(STDERR_FILENO, text.data(), text.size()) < 0) {
        return;
    }
}

/// Lets the terminal return each key at once, or a line at a time.
void readKeys(bool keys) {
    termios settings{};
    if (tcgetattr(STDIN_FILENO, &settings) != 0) {
        return;
    }
    const tcflag_t flags = ICANON | ECHO;
    settings.c_lflag = keys ? settings.c_lflag & ~flags : settings.c_lflag | flags;
    tcsetattr(STDIN_FILENO, TCSANOW, &settings);
}

}  // namespace

ProcessTerminal::~ProcessTerminal() {
    progress("");
    if (keys_) {
        readKeys(false);
    }
    if (signals_ >= 0) {
        close(signals_);
    }
}

int ProcessTerminal::columns() const {
    return screen().ws_col;
}

int ProcessTerminal::rows() const {
    return screen().ws_row;
}

bool ProcessTerminal::canAsk() const {
    return isatty(STDIN_FILENO) == 1 && isatty(STDERR_FILENO) == 1;
}

bool ProcessTerminal::confirm(const std::string& question) {
    show(question + " [y/N] ");
    std::string answer;
    std::getline(std::cin, answer);
    return answer == "y" || answer == "Y" || answer == "yes";
}

void ProcessTerminal::progress(const std::string& text) {
    if (isatty(STDERR_FILENO) == 0 || (text.empty() && !shown_)) {
        return;
    }
    show("\r" + text + "\033[K");
    shown_ = !text.empty();
}

void ProcessTerminal::catchEnd() {
    sigset_t ends;
    sigemptyset(&ends);
    sigaddset(&ends, SIGINT);
    sigaddset(&ends, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &ends, nullptr);
    signals_ = signalfd(-1, &ends, SFD_CLOEXEC | SFD_NONBLOCK);
    // A process in the background must not change the terminal.
    keys_ = columns() > 0 && isatty(STDIN_FILENO) == 1 && tcgetpgrp(STDIN_FILENO) == getpgrp();
    if (keys_) {
        readKeys(true);
    }
}

bool ProcessTerminal::pause(std::chrono::milliseconds time) {
    using Clock = std::chrono::steady_clock;
    const auto deadline = Clock::now() + time;
    for (;;) {
        const auto left =
            std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now()).count();
        if (left <= 0) {
            return true;
        }
        pollfd sources[] = {{signals_, POLLIN, 0}, {keys_ ? STDIN_FILENO : -1, POLLIN, 0}};
        poll(sources, 2, static_cast<int>(left));
        if (sources[0].revents != 0) {
            return false;
        }
        if (sources[1].revents != 0) {
            char key = 0;
            if (read(STDIN_FILENO, &key, 1) <= 0 || key == 'q') {
                return false;
            }
        }
    }
}

}  // namespace drover::cli
