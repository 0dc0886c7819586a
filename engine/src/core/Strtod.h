#pragma once

#include <clocale>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <limits>

namespace drover {

/// std::strtod() in the C locale, whatever locale a handler has chosen for the process: the decimal sign is a point.
inline double strtodC(const char* text, char** end) {
    static const locale_t kC = ::newlocale(LC_ALL_MASK, "C", nullptr);
    return ::strtod_l(text, end, kC);
}

/// Returns the whole part of `number`; beyond 64 bits the nearest value, for NaN 0. A plain cast is undefined there.
inline std::int64_t saturatedInteger(double number) {
    constexpr double kLimit = 9223372036854775808.0;  // 2^63
    if (!(std::abs(number) < kLimit)) {
        return number > 0   ? std::numeric_limits<std::int64_t>::max()
               : number < 0 ? std::numeric_limits<std::int64_t>::min()
                            : 0;
    }
    return static_cast<std::int64_t>(number);
}

}  // namespace drover
