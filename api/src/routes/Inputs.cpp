#include "routes/Inputs.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <set>
#include <utility>

#include "drover/Json.h"
#include "http/Target.h"

namespace drover::api {

namespace {

bool isDigit(char c) {
    return c >= '0' && c <= '9';
}

bool isCanonicalInteger(std::string_view text) {
    if (text.size() > 1 && text.front() == '-') {
        text.remove_prefix(1);
        return text.front() != '0' && std::all_of(text.begin(), text.end(), isDigit);
    }
    return !text.empty() && (text.front() != '0' || text.size() == 1) &&
           std::all_of(text.begin(), text.end(), isDigit);
}

std::optional<std::int64_t> parseInteger(std::string_view text) {
    std::int64_t value = 0;
    if (!isCanonicalInteger(text)) {
        return std::nullopt;
    }
    const auto result = std::from_chars(text.data(), text.data() + text.size(), value);
    return result.ec == std::errc() ? std::optional(value) : std::nullopt;
}

std::optional<double> parseNumber(std::string_view text) {
    double value = 0;
    // from_chars would accept "inf", "nan" and hexadecimal forms of some libraries; a number starts with a digit here.
    const std::size_t first = !text.empty() && text.front() == '-' ? 1 : 0;
    if (first >= text.size() || !isDigit(text[first])) {
        return std::nullopt;
    }
    const auto result = std::from_chars(text.data(), text.data() + text.size(), value);
    const bool whole = result.ec == std::errc() && result.ptr == text.data() + text.size();
    return whole && std::isfinite(value) ? std::optional(value) : std::nullopt;
}

/// Most integers are ids: a negative one is accepted only where the route declares it.
std::int64_t leastOf(const Parameter& parameter) {
    return parameter.minimum == std::numeric_limits<std::int64_t>::min() ? 0 : parameter.minimum;
}

/// Returns the mistake in a text for this parameter; empty: none.
std::string textMistake(const Parameter& parameter, std::string_view text) {
    // NUL ends a text early in C interfaces behind the front (docs/pitfalls.md#p10).
    if (text.find('\0') != std::string_view::npos) {
        return parameter.name + " must not contain NUL characters";
    }
    if (parameter.type == ParameterType::DateTime) {
        return isDateTime(text)
                   ? ""
                   : parameter.name + " must be a valid ISO 8601 date string with a zone";
    }
    if (text.size() < parameter.minLength) {
        return parameter.name + " must be longer than or equal to " +
               std::to_string(parameter.minLength) + " bytes";
    }
    if (text.size() > parameter.maxLength) {
        return parameter.name + " must be shorter than or equal to " +
               std::to_string(parameter.maxLength) + " bytes";
    }
    return "";
}

/// Returns ", got `json`"; empty for a long one.
std::string gotText(const JsonView& json) {
    constexpr std::size_t kMostShown = 40;
    return json.text().size() <= kMostShown ? ", got " + std::string(json.text()) : "";
}

/// Returns the error of a parameter of a path or query: "waitMs=70000: expected an integer in [0, 60000]". A long value is left
/// out.
HttpError expectedError(const Parameter& parameter,
                        const std::string& text,
                        const std::string& right) {
    constexpr std::size_t kMostShown = 40;
    return {400,
            parameter.name + (text.size() <= kMostShown ? '=' + text : "") + ": expected " + right};
}

std::string readInteger(const Parameter& parameter, const JsonView& json, Values& values) {
    const std::string& name = parameter.name;
    const std::optional<std::int64_t> value = json.integer();
    if (!value) {
        // 2^63: a double at least that far from 0 has no fraction.
        constexpr double kLimit = 9223372036854775808.0;
        const double number = json.number().value_or(0);
        return name +
               (number >= kLimit    ? " is too large"
                : number <= -kLimit ? " is too small"
                                    : " must be an integer number") +
               gotText(json);
    }
    if (*value < leastOf(parameter)) {
        return name + " must not be less than " + std::to_string(leastOf(parameter)) +
               gotText(json);
    }
    if (*value > parameter.maximum) {
        return name + " must not be greater than " + std::to_string(parameter.maximum) +
               gotText(json);
    }
    values[name] = *value;
    return "";
}

/// Reads a member of a body. Returns the mistake; empty: none.
std::string readMember(const Parameter& parameter, const JsonView& json, Values& values) {
    const std::string& name = parameter.name;
    switch (parameter.type) {
        case ParameterType::Integer:
            return readInteger(parameter, json, values);
        case ParameterType::Number: {
            const std::optional<double> value = json.number();
            if (!value) {
                return name + " must be a number" + gotText(json);
            }
            if (!std::isfinite(*value)) {
                return name + " is beyond what a double holds";
            }
            values[name] = *value;
            return "";
        }
        case ParameterType::Boolean: {
            const std::optional<bool> value = json.boolean();
            if (!value) {
                return name + " must be a boolean value" + gotText(json);
            }
            values[name] = *value;
            return "";
        }
        case ParameterType::String:
        case ParameterType::DateTime:
            break;
    }
    std::optional<std::string> text = json.string();
    if (!text) {
        return name + " must be a string" + gotText(json);
    }
    if (json.hasHalfSurrogate()) {
        // It has no form in UTF-8: storing it would change it.
        return name + " must not contain half of a surrogate pair";
    }
    std::string mistake = textMistake(parameter, *text);
    if (mistake.empty()) {
        values[name] = std::move(*text);
    }
    return mistake;
}

std::string notJson(const JsonException& error) {
    return std::string("The body is not JSON: ") + error.what();
}

}  // namespace

bool isId(const Parameter& parameter) {
    return parameter.type == ParameterType::Integer &&
           parameter.maximum == std::numeric_limits<std::int64_t>::max();
}

ParameterValue readText(const Parameter& parameter, const std::string& text) {
    switch (parameter.type) {
        case ParameterType::Integer: {
            const auto value = parseInteger(text);
            const std::int64_t least = leastOf(parameter);
            if (!value || *value < least || *value > parameter.maximum) {
                if (isId(parameter)) {
                    throw HttpError(400, kNotAnId);
                }
                throw expectedError(parameter,
                                    text,
                                    "an integer in [" + std::to_string(least) + ", " +
                                        std::to_string(parameter.maximum) + "]");
            }
            return *value;
        }
        case ParameterType::Number: {
            const auto value = parseNumber(text);
            if (!value) {
                throw expectedError(parameter, text, "a number");
            }
            return *value;
        }
        case ParameterType::Boolean:
            if (text != "true" && text != "false") {
                throw expectedError(parameter, text, "true or false");
            }
            return text == "true";
        case ParameterType::String:
        case ParameterType::DateTime:
            break;
    }
    const std::string mistake = textMistake(parameter, text);
    if (!mistake.empty()) {
        throw HttpError(400, mistake);
    }
    return text;
}

std::vector<std::string> readBody(const std::vector<const Parameter*>& parameters,
                                  std::string_view body,
                                  Values& values) {
    JsonView document;
    try {
        document = JsonView::parse(body);
    } catch (const JsonException& error) {
        return {notJson(error)};
    }
    if (!document.isObject()) {
        return {"The body must be a JSON object"};
    }
    std::vector<std::string> mistakes;
    std::set<std::string> seen;
    for (const auto& [key, value] : document.members()) {
        const std::string& name = key;
        const auto known =
            std::find_if(parameters.begin(), parameters.end(), [&name](const Parameter* parameter) {
                return parameter->name == name;
            });
        if (!seen.insert(name).second) {
            mistakes.push_back("property " + name + " must be given once");
        } else if (known == parameters.end()) {
            mistakes.push_back("property " + name + " should not exist");
        } else if (value.isNull() && !(*known)->required) {
            continue;  // Like an absent member.
        } else if (std::string mistake = readMember(**known, value, values); !mistake.empty()) {
            mistakes.push_back(std::move(mistake));
        }
    }
    for (const Parameter* const parameter : parameters) {
        if (parameter->required && seen.count(parameter->name) == 0) {
            mistakes.push_back(parameter->name + " should not be empty");
        }
    }
    return mistakes;
}

std::vector<std::string> readAnyJson(std::string_view body) {
    try {
        (void)JsonView::parse(body);
        return {};
    } catch (const JsonException& error) {
        return {notJson(error)};
    }
}

bool isDateTime(std::string_view text) {
    // dddd-dd-ddTdd:dd:dd, then optional fraction, then Z or an offset.
    constexpr std::string_view kForm = "dddd-dd-ddTdd:dd:dd";
    if (text.size() < kForm.size() + 1) {
        return false;
    }
    for (std::size_t i = 0; i < kForm.size(); ++i) {
        if (kForm[i] == 'd' ? !isDigit(text[i]) : text[i] != kForm[i]) {
            return false;
        }
    }
    const auto number = [text](std::size_t at, std::size_t size) {
        int value = 0;
        std::from_chars(text.data() + at, text.data() + at + size, value);
        return value;
    };
    const int year = number(0, 4);
    const int month = number(5, 2);
    const int day = number(8, 2);
    const bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    constexpr int kDays[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    if (month < 1 || month > 12 || day < 1 ||
        day > kDays[month - 1] + (month == 2 && leap ? 1 : 0) || number(11, 2) > 23 ||
        number(14, 2) > 59 || number(17, 2) > 59) {
        return false;
    }
    std::size_t at = kForm.size();
    if (text[at] == '.') {
        const std::size_t begin = ++at;
        while (at < text.size() && isDigit(text[at])) {
            ++at;
        }
        if (at == begin || at - begin > 9) {
            return false;
        }
    }
    const std::string_view zone = text.substr(at);
    if (zone == "Z") {
        return true;
    }
    return zone.size() == 6 && (zone[0] == '+' || zone[0] == '-') && zone[3] == ':' &&
           isDigit(zone[1]) && isDigit(zone[2]) && isDigit(zone[4]) && isDigit(zone[5]) &&
           number(at + 1, 2) <= 23 && number(at + 4, 2) <= 59;
}

}  // namespace drover::api
