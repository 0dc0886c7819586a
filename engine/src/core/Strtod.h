#pragma once

#include <clocale>
#include <cstdlib>

namespace drover {

/// std::strtod() in the C locale, whatever locale a handler has chosen for the process: the decimal sign is a point.
inline double strtodC(const char* text, char** end) {
    static const locale_t kC = ::newlocale(LC_ALL_MASK, "C", nullptr);
    return ::strtod_l(text, end, kC);
}

}  // namespace drover
