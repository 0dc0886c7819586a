#pragma once

#include <string>
#include <string_view>

#include "drover/Export.h"

namespace drover {

/// A right: a token grants some, a route demands one.
///
/// `add:QUEUE` adds jobs to queues, `read` shows queues and jobs, `operate` changes what runs (pause, retry, promote),
/// `destroy` removes jobs and queues. None implies another: a person who pauses queues need not see the data of
/// jobs. A line of the token file lists every scope that the token has.
/// A value: copyable, no I/O.
struct DROVER_API Scope {
    enum class Kind { Add, Read, Operate, Destroy };

    Kind kind = Kind::Read;
    /// For Add. As a grant a glob: '*' stands for any text, '?' for one character. As a demand the queue's name; empty: any
    /// scope of adding will do.
    std::string queues{};

    /// Parses `add:GLOB`, `read`, `operate` or `destroy`. A glob has no blank, no ':' and none of `[]{}\`, whose meaning
    /// in other globs it would not have; '?' stands for such a character of a name.
    /// Throws ConfigException, naming what would be right.
    [[nodiscard]] static Scope parse(std::string_view text);

    /// Returns true if a token with this scope may do what `demanded` demands.
    [[nodiscard]] bool covers(const Scope& demanded) const;

    /// Returns the text that parse() accepts.
    [[nodiscard]] std::string text() const;
};

/// Returns true if the whole of `name` matches `glob`. A character is one of UTF-8.
[[nodiscard]] DROVER_API bool matchesGlob(std::string_view glob, std::string_view name);

}  // namespace drover
