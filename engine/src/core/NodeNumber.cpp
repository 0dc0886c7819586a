#include "core/NodeNumber.h"

#include <charconv>
#include <cmath>
#include <limits>

#include "core/Strtod.h"

namespace drover {

std::int64_t nodeLeadingInteger(std::string_view text) {
    text = detail::nodeTrimmed(text);
    if (!text.empty() && text.front() == '+') {
        text.remove_prefix(1);
        if (!text.empty() && text.front() == '-') {
            return 0;
        }
    }
    std::int64_t value = 0;
    const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
    if (parsed.ec == std::errc::result_out_of_range) {
        return text.front() == '-' ? std::numeric_limits<std::int64_t>::min()
                                   : std::numeric_limits<std::int64_t>::max();
    }
    return value;
}

bool nodeTruth(std::string_view json) {
    json = detail::nodeTrimmed(json);
    if (json.empty() || json == "false" || json == "null" || json == "\"\"") {
        return false;
    }
    const bool isNumber = json.front() == '-' || detail::isNodeDigit(json.front());
    return !isNumber || nodeNumber(json) != 0;
}

std::int64_t wholePart(double number) {
    return saturatedInteger(std::trunc(number));
}

std::int64_t roundedUp(double number) {
    return saturatedInteger(std::ceil(number));
}

}  // namespace drover
