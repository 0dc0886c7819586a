#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

namespace drover {

/// One Redis command as a list of arguments, formatted by hiredis.
///
/// Text is referenced, not copied: it must live until the command is sent. Numbers are kept inside.
class Command {
public:
    Command() = default;
    Command(std::initializer_list<std::string_view> args) : args_(args) {}
    // A copy would refer to the texts inside the original.
    Command(const Command&) = delete;
    Command& operator=(const Command&) = delete;
    Command(Command&&) = default;
    Command& operator=(Command&&) = default;
    ~Command() = default;

    Command& add(std::string_view text) {
        args_.push_back(text);
        return *this;
    }
    Command& add(const char* text) { return add(std::string_view(text)); }
    Command& add(std::int64_t number) { return own(std::to_string(number)); }
    Command& add(int number) { return add(static_cast<std::int64_t>(number)); }
    Command& add(std::size_t number) { return add(static_cast<std::int64_t>(number)); }
    /// Copies the text into the command.
    Command& own(std::string text) {
        args_.push_back(owned_.emplace_back(std::move(text)));
        return *this;
    }
    void reserve(std::size_t count) { args_.reserve(count); }

    [[nodiscard]] const std::vector<std::string_view>& args() const { return args_; }
    /// Replaces one argument, for a script that must be sent again by its text.
    void set(std::size_t index, std::string_view text) { args_[index] = text; }

    /// Appends the command in RESP to `out`.
    void appendTo(std::string& out) const;

private:
    std::vector<std::string_view> args_;
    std::deque<std::string> owned_;  // A deque: its elements never move.
};

}  // namespace drover
