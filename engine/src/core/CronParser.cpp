#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <functional>
#include <regex>
#include <vector>

#include <Poco/Ascii.h>
#include <Poco/Exception.h>
#include <Poco/String.h>
#include <Poco/UnicodeConverter.h>

#include "core/Cron.h"
#include "core/Strtod.h"

namespace drover {

namespace {

struct Macro {
    std::string_view name, pattern;
};
constexpr Macro kMacros[] = {{"@yearly", "0 0 0 1 1 *"},
                             {"@annually", "0 0 0 1 1 *"},
                             {"@monthly", "0 0 0 1 * *"},
                             {"@weekly", "0 0 0 * * 0"},
                             {"@daily", "0 0 0 * * *"},
                             {"@hourly", "0 0 * * * *"},
                             {"@minutely", "0 * * * * *"},
                             {"@secondly", "* * * * * *"},
                             {"@weekdays", "0 0 0 * * 1-5"},
                             {"@weekends", "0 0 0 * * 0,6"}};
constexpr std::string_view kMonths[] = {
    "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"};
constexpr std::string_view kWeekdays[] = {"sun", "mon", "tue", "wed", "thu", "fri", "sat"};
constexpr int kDaysInMonth[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
constexpr std::size_t kLongest = 1024;

enum Field { Second, Minute, Hour, Day, Month, Weekday };
constexpr std::size_t kFields = 6;
struct FieldRule {
    const char* name;
    int min, max;
    const char* characters;
};
constexpr FieldRule kRules[] = {{"second", 0, 59, "0123456789*?,-/H()"},
                                {"minute", 0, 59, "0123456789*?,-/H()"},
                                {"hour", 0, 23, "0123456789*?,-/H()"},
                                {"day of month", 1, 31, "0123456789*?,-/LH()"},
                                {"month", 1, 12, "0123456789*?,-/H()"},
                                {"day of week", 0, 7, "0123456789*?,-/LH()"}};

std::string quoted(std::string_view text) {
    return '"' + std::string(text) + '"';
}

/// The fractions in [0, 1) that a seed draws: cron-parser's own (FNV-1a over UTF-16 units, then mulberry32).
class SeededFractions {
public:
    explicit SeededFractions(std::string_view seed) {
        Poco::UTF16String units;
        Poco::UnicodeConverter::convert(std::string(seed), units);
        for (const auto unit : units) {
            state_ = (state_ ^ static_cast<std::uint16_t>(unit)) * 16777619U;
        }
    }

    double next() {
        state_ += 0x6d2b79f5U;
        std::uint32_t mixed = (state_ ^ (state_ >> 15)) * (state_ | 1U);
        mixed ^= mixed + (mixed ^ (mixed >> 7)) * (mixed | 61U);
        return (mixed ^ (mixed >> 14)) / 4294967296.0;
    }

private:
    std::uint32_t state_ = 2166136261U;
};

bool isDigits(std::string_view text) {
    return !text.empty() &&
           std::all_of(text.begin(), text.end(), [](char c) { return Poco::Ascii::isDigit(c); });
}

int wholePart(double value) {
    return static_cast<int>(std::floor(value));
}

/// Returns the number that `text` begins with; a huge one becomes a value out of every range. std::nullopt: none.
std::optional<int> leadingNumber(std::string_view text) {
    const char* const end =
        std::find_if_not(text.begin(), text.end(), [](char c) { return Poco::Ascii::isDigit(c); });
    if (end == text.begin()) {
        return std::nullopt;
    }
    int value = 0;
    if (std::from_chars(text.begin(), end, value).ec != std::errc()) {
        value = 1000000000;
    }
    return value;
}

std::vector<std::string_view> split(std::string_view text, char separator) {
    std::vector<std::string_view> parts;
    for (std::size_t from = 0;;) {
        const std::size_t at = text.find(separator, from);
        parts.push_back(text.substr(from, at - from));
        if (at == std::string_view::npos) {
            return parts;
        }
        from = at + 1;
    }
}

std::vector<std::string_view> words(std::string_view text) {
    std::vector<std::string_view> found;
    for (const std::string_view part : split(text, ' ')) {
        if (!part.empty()) {
            found.push_back(part);
        }
    }
    return found;
}

}  // namespace

/// Fills a Cron from its text. Names, wildcards and draws are replaced by numbers in the text of a field first.
class Cron::Parser {
public:
    Parser(Cron& cron, std::string_view pattern, std::string_view seed)
        : cron_(cron), pattern_(pattern), fractions_(seed) {}

    void parse();

private:
    /// The values that a field names, in order: numbers, and "L", "5L" and the like as they stand.
    struct Values {
        std::vector<int> numbers;
        std::vector<std::string> lasts;
    };

    [[noreturn]] void fail(Field field, const std::string& why) const;
    [[nodiscard]] std::string plainFields() const;
    Values valuesOf(Field field, std::string_view raw);
    [[nodiscard]] std::string withNumbers(Field field, std::string_view raw) const;
    void checkCharacters(Field field, const std::string& text) const;
    [[nodiscard]] std::string withDraws(Field field,
                                        const std::string& text,
                                        double fraction) const;
    [[nodiscard]] std::string draw(Field field, const std::smatch& match, double fraction) const;
    void addItem(Field field, std::string_view item, Values& values) const;
    void addRange(Field field, std::string_view range, int step, Values& values) const;
    void addLast(Field field, std::string_view item, Values& values) const;
    static bool isSingle(const Values& months);
    static void dropDaysBeyond(const Values& months, Values& days);
    std::string_view weekdayWithoutWeek(std::string_view raw);
    void checkThatTheDayExists(const Values& days, const Values& months) const;

    Cron& cron_;
    const std::string_view pattern_;
    SeededFractions fractions_;
};

void Cron::Parser::fail(Field field, const std::string& why) const {
    throw Poco::InvalidArgumentException("cron pattern " + quoted(pattern_) + ": " +
                                         kRules[field].name + ' ' + why);
}

/// Returns the pattern, or the pattern of its @name, with every kind of white space as a blank.
std::string Cron::Parser::plainFields() const {
    std::string text(pattern_);
    for (const Macro& macro : kMacros) {
        if (macro.name == pattern_) {
            text = macro.pattern;
        }
    }
    std::replace_if(
        text.begin(), text.end(), [](char c) { return Poco::Ascii::isSpace(c); }, ' ');
    return text;
}

void Cron::Parser::parse() {
    const std::string text = plainFields();
    const auto given = words(text);
    if (given.size() > kFields || text.size() > kLongest || (given.empty() && !text.empty())) {
        throw Poco::InvalidArgumentException("cron pattern " +
                                             quoted(pattern_.substr(0, kLongest)) + " has " +
                                             std::to_string(given.size()) +
                                             " fields; expected are five (minute, hour, day of "
                                             "month, month, day of week), or six with "
                                             "the second in front, in at most 1024 characters");
    }
    if (!given.empty() && given[0][0] == '@') {
        throw Poco::InvalidArgumentException("cron pattern " + quoted(pattern_) +
                                             " is not a known name; @yearly, @monthly, @weekly, "
                                             "@daily, @hourly, @minutely, @secondly, "
                                             "@weekdays and @weekends are");
    }
    std::array<std::string_view, kFields> raw = {"0", "*", "*", "*", "*", "*"};
    std::copy(given.begin(), given.end(), raw.end() - static_cast<std::ptrdiff_t>(given.size()));

    // In the order in which cron-parser draws: the month before the day.
    const Values seconds = valuesOf(Second, raw[Second]);
    const Values minutes = valuesOf(Minute, raw[Minute]);
    const Values hours = valuesOf(Hour, raw[Hour]);
    const Values months = valuesOf(Month, raw[Month]);
    Values days = valuesOf(Day, raw[Day]);
    const Values weekdays = valuesOf(Weekday, weekdayWithoutWeek(raw[Weekday]));
    dropDaysBeyond(months, days);

    const auto fill = [](auto& bits, const Values& values, int modulus) {
        for (const int value : values.numbers) {
            bits.set(static_cast<std::size_t>(value % modulus));
        }
    };
    fill(cron_.seconds_, seconds, 60);
    fill(cron_.minutes_, minutes, 60);
    fill(cron_.hours_, hours, 24);
    fill(cron_.days_, days, 32);
    fill(cron_.months_, months, 13);
    fill(cron_.weekdays_, weekdays, 7);
    for (const std::string& last : weekdays.lasts) {
        cron_.lastWeekdays_.set(static_cast<std::size_t>((last[0] - '0') % 7));
    }
    const auto isAny = [](std::string_view field) { return field == "*" || field == "?"; };
    cron_.anyDay_ = isAny(raw[Day]);
    cron_.anyWeekday_ = isAny(raw[Weekday]);
    cron_.lastDay_ = raw[Day].find('L') != std::string_view::npos;
    checkThatTheDayExists(days, months);
}

/// Returns true if exactly one month is named, however often.
bool Cron::Parser::isSingle(const Values& months) {
    return std::adjacent_find(months.numbers.begin(),
                              months.numbers.end(),
                              std::not_equal_to<>()) == months.numbers.end();
}

/// Days that a single month does not have do no harm beside days that it has.
void Cron::Parser::dropDaysBeyond(const Values& months, Values& days) {
    if (!isSingle(months)) {
        return;
    }
    const int longest = kDaysInMonth[months.numbers.front() - 1];
    std::vector<int> existing;
    std::copy_if(
        days.numbers.begin(), days.numbers.end(), std::back_inserter(existing), [longest](int day) {
            return day <= longest;
        });
    if (!existing.empty() || !days.lasts.empty()) {
        days.numbers = std::move(existing);
    }
}

void Cron::Parser::checkThatTheDayExists(const Values& days, const Values& months) const {
    if (!isSingle(months) || cron_.lastDay_ || !cron_.anyWeekday_) {
        return;
    }
    const int month = months.numbers.front();
    const int first = *std::min_element(days.numbers.begin(), days.numbers.end());
    const int longest = kDaysInMonth[month - 1];
    if (first > longest) {
        fail(Day,
             std::to_string(first) + " never comes: month " + std::to_string(month) +
                 " has at most " + std::to_string(longest) + " days");
    }
}

/// Removes "#2" and notes it.
std::string_view Cron::Parser::weekdayWithoutWeek(std::string_view raw) {
    const std::size_t at = raw.find('#');
    if (at == std::string_view::npos) {
        return raw;
    }
    const std::string_view week = raw.substr(at + 1);
    const auto number = leadingNumber(week);
    if (!isDigits(week) || *number < 1 || *number > 5) {
        fail(Weekday, quoted(raw) + ": after # comes a week of the month, 1 to 5");
    }
    if (raw.find_first_of(",-/") != std::string_view::npos) {
        fail(Weekday, quoted(raw) + ": # goes with one day, not with a list, a range or a step");
    }
    cron_.weekOfMonth_ = *number;
    return raw.substr(0, at);
}

Cron::Parser::Values Cron::Parser::valuesOf(Field field, std::string_view raw) {
    const double fraction = fractions_.next();
    std::string text = withNumbers(field, raw);
    checkCharacters(field, text);
    const std::string all =
        std::to_string(kRules[field].min) + '-' + std::to_string(kRules[field].max);
    for (std::size_t at; (at = text.find_first_of("*?")) != std::string::npos;) {
        text.replace(at, 1, all);
    }
    text = withDraws(field, text, fraction);
    Values values;
    for (const std::string_view item : split(text, ',')) {
        addItem(field, item, values);
    }
    return values;
}

/// JAN and FRI as numbers. Three letters in a row are a name.
std::string Cron::Parser::withNumbers(Field field, std::string_view raw) const {
    if (field != Month && field != Weekday) {
        return std::string(raw);
    }
    std::string text;
    for (std::size_t at = 0; at < raw.size();) {
        const std::string_view name = raw.substr(at, 3);
        if (name.size() < 3 || !std::all_of(name.begin(), name.end(), [](char c) {
                return Poco::Ascii::isAlpha(c);
            })) {
            text += raw[at++];
            continue;
        }
        const std::string lower = Poco::toLower(std::string(name));
        const auto* month = std::find(std::begin(kMonths), std::end(kMonths), lower);
        const auto* weekday = std::find(std::begin(kWeekdays), std::end(kWeekdays), lower);
        if (month != std::end(kMonths)) {
            text += std::to_string(month - std::begin(kMonths) + 1);
        } else if (weekday != std::end(kWeekdays)) {
            text += std::to_string(weekday - std::begin(kWeekdays));
        } else {
            fail(field, quoted(name) + " is not a name; JAN to DEC and SUN to SAT are");
        }
        at += 3;
    }
    return text;
}

void Cron::Parser::checkCharacters(Field field, const std::string& text) const {
    static const std::regex kDraw(R"(H\([0-9]+-[0-9]+\)|H/[0-9]+)");
    const std::size_t bad = text.find_first_not_of(kRules[field].characters);
    if (bad != std::string::npos) {
        fail(field,
             quoted(text) + ": " + quoted(text.substr(bad, 1)) + " is none of " +
                 kRules[field].characters);
    }
    if (text.empty() ||
        (text.find_first_of("()") != std::string::npos && !std::regex_search(text, kDraw))) {
        fail(field, quoted(text) + ": parentheses go with H alone, as in H(0-29)");
    }
}

std::string Cron::Parser::withDraws(Field field, const std::string& text, double fraction) const {
    static const std::regex kDraw(R"(H(?:\(([0-9]+)-([0-9]+)\))?(?:/([0-9]+))?)");
    std::string drawn;
    auto from = text.begin();
    for (std::sregex_iterator match(text.begin(), text.end(), kDraw), end; match != end; ++match) {
        drawn.append(from, (*match)[0].first).append(draw(field, *match, fraction));
        from = (*match)[0].second;
    }
    return drawn.append(from, text.end());
}

/// Returns the meaning of H, H(a-b), H/n or H(a-b)/n: one number, or a list.
std::string Cron::Parser::draw(Field field, const std::smatch& match, double fraction) const {
    int min = kRules[field].min, max = kRules[field].max;
    if (match[1].matched) {
        const int from = *leadingNumber(match[1].str()), to = *leadingNumber(match[2].str());
        min = std::max(min, from);
        max = std::min(max, to);
        if (from > to || min > max) {
            fail(field,
                 quoted(match.str()) + ": the range goes upwards and touches " +
                     std::to_string(kRules[field].min) + '-' + std::to_string(kRules[field].max));
        }
    }
    std::string list;
    if (match[3].matched) {
        const double step = strtodC(match[3].str().c_str(), nullptr);
        if (step <= 0) {
            fail(field, quoted(match.str()) + ": a step is at least 1");
        }
        const double offset = std::floor(fraction * step);
        const int width = wholePart(std::min(step, 1000.0));
        for (int value = offset <= max ? min / width * width + wholePart(offset) : max + 1;
             value <= max;
             value += width) {
            if (value >= min) {
                list += (list.empty() ? "" : ",") + std::to_string(value);
            }
        }
    }
    // A step wider than the range may miss it: then the range alone counts.
    return list.empty() ? std::to_string(wholePart(fraction * (max - min + 1)) + min) : list;
}

void Cron::Parser::addItem(Field field, std::string_view item, Values& values) const {
    const auto parts = split(item, '/');
    if (item.empty() || parts.size() > 2) {
        fail(field, quoted(item) + ": an item is a value, a range a-b, or either with one /step");
    }
    if (parts.size() == 2) {
        std::string range(parts[0]);
        if (range.find('-') == std::string::npos) {
            range += '-' + std::to_string(kRules[field].max);
        }
        const auto step = leadingNumber(parts[1]);
        if (!step || *step == 0) {
            fail(field, quoted(item) + ": a step is a number of at least 1");
        }
        addRange(field, range, *step, values);
    } else if (item.find('-') != std::string_view::npos) {
        addRange(field, item, 1, values);
    } else if (item.find('L') != std::string_view::npos) {
        addLast(field, item, values);
    } else {
        const FieldRule& rule = kRules[field];
        const auto value = leadingNumber(item);
        if (!isDigits(item) || *value < rule.min || *value > rule.max) {
            fail(field,
                 quoted(item) + " is out of " + std::to_string(rule.min) + '-' +
                     std::to_string(rule.max));
        }
        values.numbers.push_back(field == Weekday ? *value % 7 : *value);
    }
}

void Cron::Parser::addRange(Field field, std::string_view range, int step, Values& values) const {
    const FieldRule& rule = kRules[field];
    const auto ends = split(range, '-');
    const auto min = leadingNumber(ends[0]), max = leadingNumber(ends[1]);
    if (!min || !max || *min < rule.min || *max > rule.max) {
        fail(field,
             quoted(range) + ": a range lies within " + std::to_string(rule.min) + '-' +
                 std::to_string(rule.max));
    }
    if (*min > *max) {
        fail(field,
             quoted(range) + " counts down; write " + std::to_string(*min) + '-' +
                 std::to_string(rule.max) + ',' + std::to_string(rule.min) + '-' +
                 std::to_string(*max));
    }
    // Sunday is 0 and 7.
    for (int value = *min; value <= *max; value += std::min(step, 64)) {
        values.numbers.push_back(field == Weekday ? value % 7 : value);
    }
}

void Cron::Parser::addLast(Field field, std::string_view item, Values& values) const {
    const std::string_view number = item.substr(0, item.size() - 1);
    if (item.back() != 'L' || number.size() > 2 || !(number.empty() || isDigits(number))) {
        fail(field, quoted(item) + ": L stands alone, or after a day of week");
    }
    if (field == Weekday && number.empty()) {
        fail(field, "\"L\" needs its day, as in 5L, the last Friday of a month");
    }
    values.lasts.emplace_back(item);
}

Cron::Cron(std::string_view pattern, std::string_view seed, int weekOfMonth) {
    Parser(*this, pattern, seed).parse();
    if (weekOfMonth_ == 0) {
        daysInWeek_ = weekOfMonth;
    }
}

}  // namespace drover
