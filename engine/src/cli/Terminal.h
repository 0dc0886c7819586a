#pragma once

#include <chrono>
#include <csignal>
#include <string>

namespace drover::cli {

/// The person in front of a command, if there is one. This class stands for a pipe: it shows nothing and answers nothing.
/// Threads: one at a time.
class Terminal {
public:
    Terminal() = default;
    virtual ~Terminal() = default;
    Terminal(const Terminal&) = delete;
    Terminal& operator=(const Terminal&) = delete;

    /// Returns the columns of the screen that shows the result; 0: the result goes elsewhere.
    [[nodiscard]] virtual int columns() const { return 0; }
    [[nodiscard]] virtual int rows() const { return 0; }
    /// Returns true if a person can be asked.
    [[nodiscard]] virtual bool canAsk() const { return false; }
    /// Asks a question that yes or no answers.
    [[nodiscard]] virtual bool confirm(const std::string& /*question*/) { return false; }
    /// Shows how far a long work is, in place of the last such text; empty: clears it.
    virtual void progress(const std::string& /*text*/) {}

    /// From now on Ctrl-C, TERM and, on a screen, the key q end pause() in place of the process. Before any thread is made.
    virtual void catchEnd() {}
    /// Waits. Returns false if the person has ended the command.
    [[nodiscard]] virtual bool pause(std::chrono::milliseconds /*time*/) { return false; }
};

/// The terminal of the process.
class ProcessTerminal : public Terminal {
public:
    ProcessTerminal() = default;
    ~ProcessTerminal() override;

    [[nodiscard]] int columns() const override;
    [[nodiscard]] int rows() const override;
    [[nodiscard]] bool canAsk() const override;
    [[nodiscard]] bool confirm(const std::string& question) override;
    void progress(const std::string& text) override;
    void catchEnd() override;
    [[nodiscard]] bool pause(std::chrono::milliseconds time) override;

private:
    int signals_ = -1;    ///< A signalfd.
    bool keys_ = false;   ///< The terminal returns each key at once.
    bool shown_ = false;  ///< A progress stands on the screen.
};

}  // namespace drover::cli
