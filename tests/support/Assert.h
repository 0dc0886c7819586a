#pragma once

#include <string>
#include <string_view>

#include <cppunit/Asserter.h>
#include <cppunit/SourceLine.h>

namespace drover::test {

/// The place of a call, as a default argument.
struct Caller {
    const char* file = __builtin_FILE();
    int line = __builtin_LINE();
};

namespace detail {

inline void failText(std::string_view text,
                     const std::string& complaint,
                     std::string_view part,
                     Caller at) {
    CppUnit::Asserter::fail(
        "\"" + std::string(part) + "\" " + complaint + ":\n" + std::string(text),
        CppUnit::SourceLine(at.file, at.line));
}

}  // namespace detail

inline bool contains(std::string_view text, std::string_view part) {
    return text.find(part) != std::string_view::npos;
}

// Assertions on texts. A failure shows both and names the line of the caller.

inline void assertEqual(std::string_view expected, std::string_view actual, Caller at = {}) {
    if (expected != actual) {
        CppUnit::Asserter::failNotEqual(
            std::string(expected), std::string(actual), CppUnit::SourceLine(at.file, at.line));
    }
}

inline void assertContains(std::string_view text, std::string_view part, Caller at = {}) {
    if (!contains(text, part)) {
        detail::failText(text, "is not in", part, at);
    }
}

inline void assertLacks(std::string_view text, std::string_view part, Caller at = {}) {
    if (contains(text, part)) {
        detail::failText(text, "is in", part, at);
    }
}

inline void assertStartsWith(std::string_view text, std::string_view part, Caller at = {}) {
    if (!text.starts_with(part)) {
        detail::failText(text, "does not begin", part, at);
    }
}

inline void assertEndsWith(std::string_view text, std::string_view part, Caller at = {}) {
    if (!text.ends_with(part)) {
        detail::failText(text, "does not end", part, at);
    }
}

}  // namespace drover::test
