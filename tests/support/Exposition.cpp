#include "support/Exposition.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <regex>
#include <set>
#include <sstream>

#include "drover/Json.h"

namespace drover::test {

namespace {

/// Returns true for a name of a metric, or without ':' of a label. Not by a regex: a scrape has many thousands.
bool isName(const std::string& text, bool colons) {
    const auto fits = [colons](char c) {
        return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || (colons && c == ':');
    };
    return !text.empty() && std::isdigit(static_cast<unsigned char>(text[0])) == 0 &&
           std::all_of(text.begin(), text.end(), fits);
}

bool endsWith(const std::string& text, const std::string& end) {
    return text.size() >= end.size() &&
           text.compare(text.size() - end.size(), std::string::npos, end) == 0;
}

/// Parses `{name="value",…}` from `at` on, and moves `at` behind it. Returns false for another form.
bool parseLabels(const std::string& line, std::size_t& at, Exposition::Labels& labels) {
    ++at;
    while (at < line.size() && line[at] != '}') {
        const std::size_t equals = line.find("=\"", at);
        if (equals == std::string::npos) {
            return false;
        }
        const std::string name = line.substr(at, equals - at);
        std::string value;
        at = equals + 2;
        for (; at < line.size() && line[at] != '"'; ++at) {
            if (line[at] != '\\') {
                value += line[at];
                continue;
            }
            ++at;
            if (at == line.size() || std::string("\\\"n").find(line[at]) == std::string::npos) {
                return false;
            }
            value += line[at] == 'n' ? '\n' : line[at];
        }
        if (at == line.size() || !isName(name, false) || !isUtf8(value) ||
            !labels.emplace(name, value).second) {
            return false;
        }
        ++at;
        if (at < line.size() && line[at] == ',') {
            ++at;
        }
        while (at < line.size() && line[at] == ' ') {
            ++at;
        }
    }
    if (at == line.size()) {
        return false;
    }
    ++at;
    return true;
}

/// Reads a scrape line by line.
class Parser {
public:
    explicit Parser(Exposition& into) : into_(into) {}

    void parse(const std::string& text) {
        if (!endsWith(text, "\n")) {
            problem("the last line has no end");
        }
        std::istringstream lines(text);
        while (std::getline(lines, line_)) {
            if (line_.rfind("# HELP ", 0) == 0) {
                help();
            } else if (line_.rfind("# TYPE ", 0) == 0) {
                type();
            } else if (!line_.empty() && line_[0] != '#') {
                sample();
            }
        }
        for (const auto& [name, family] : into_.families) {
            line_ = name;
            checkName(name, family);
            if (family.type == "histogram") {
                checkHistogram(family);
            }
        }
    }

private:
    void problem(const std::string& what) { into_.problems.push_back(what + ": " + line_); }

    void help() {
        const std::size_t end = line_.find(' ', 7);
        current_ = line_.substr(7, end - 7);
        if (!into_.families.try_emplace(current_).second) {
            problem("a family comes twice");
        }
        into_.families[current_].help = end == std::string::npos ? "" : line_.substr(end + 1);
    }

    void type() {
        const std::size_t end = line_.find(' ', 7);
        if (line_.substr(7, end - 7) != current_ || !into_.families[current_].series.empty()) {
            problem("TYPE does not follow HELP");
        }
        into_.families[current_].type = line_.substr(end + 1);
    }

    void sample() {
        Exposition::Series series;
        std::size_t at = line_.find_first_of("{ ");
        series.name = line_.substr(0, at);
        if (at == std::string::npos || !isName(series.name, true)) {
            return problem("a bad name");
        }
        if (line_[at] == '{' && !parseLabels(line_, at, series.labels)) {
            return problem("bad labels");
        }
        const std::string number = line_.substr(std::min(at + 1, line_.size()));
        char* end = nullptr;
        series.value = std::strtod(number.c_str(), &end);
        if (number.empty() || *end != '\0') {
            return problem("a bad value");
        }
        Exposition::Family& family = into_.families[current_];
        const bool ofHistogram =
            family.type == "histogram" &&
            (series.name == current_ + "_bucket" || series.name == current_ + "_sum" ||
             series.name == current_ + "_count");
        if (!ofHistogram && series.name != current_) {
            problem("a sample of another family, or without TYPE");
        }
        if (!seen_.emplace(series.name, series.labels).second) {
            problem("a series comes twice");
        }
        family.series.push_back(std::move(series));
    }

    void checkName(const std::string& name, const Exposition::Family& family) {
        if (family.help.empty()) {
            problem("no help");
        }
        if (name.rfind("bullmq_", 0) == 0) {
            return;
        }
        static const std::regex kAbbreviated(
            "_(ms|millis|milliseconds|us|microseconds|ns|minutes|hours|days|kb|kib|mb|kilobytes|"
            "percent)(_|$)");
        if (std::regex_search(name, kAbbreviated)) {
            problem("a unit that is not a base unit");
        }
        if ((family.type == "counter") != endsWith(name, "_total")) {
            problem("_total belongs to counters, and to all of them");
        }
        for (const char* end : {"_count", "_sum", "_bucket"}) {
            if (endsWith(name, end)) {
                problem("an ending of histograms");
            }
        }
        static const std::regex kPrefix("(drover|process)_[a-z0-9_]+");
        if (!std::regex_match(name, kPrefix)) {
            problem("a name without the prefix, or with capitals");
        }
    }

    void checkHistogram(const Exposition::Family& family) {
        struct Buckets {
            double bound = -std::numeric_limits<double>::infinity();
            double count = 0;
            double total = -1;
            bool sum = false;
        };
        std::map<Exposition::Labels, Buckets> all;
        for (const Exposition::Series& series : family.series) {
            Exposition::Labels labels = series.labels;
            labels.erase("le");
            Buckets& buckets = all[labels];
            if (endsWith(series.name, "_bucket")) {
                const auto le = series.labels.find("le");
                const double bound =
                    le == series.labels.end() ? NAN : std::strtod(le->second.c_str(), nullptr);
                if (!(bound > buckets.bound) || series.value < buckets.count) {
                    problem("buckets that do not ascend");
                }
                buckets.bound = bound;
                buckets.count = series.value;
            } else if (endsWith(series.name, "_sum")) {
                buckets.sum = true;
            } else {
                buckets.total = series.value;
            }
        }
        for (const auto& [labels, buckets] : all) {
            if (!std::isinf(buckets.bound) || buckets.total != buckets.count || !buckets.sum) {
                problem("a histogram without +Inf, sum or a count that equals +Inf");
            }
        }
    }

    Exposition& into_;
    std::string line_;
    std::string current_;
    std::set<std::pair<std::string, Exposition::Labels>> seen_;
};

}  // namespace

Exposition Exposition::parse(const std::string& text) {
    Exposition found;
    Parser(found).parse(text);
    return found;
}

double Exposition::value(const std::string& name, const Labels& labels) const {
    for (const auto& [family, content] : families) {
        for (const Series& series : content.series) {
            if (series.name == name && series.labels == labels) {
                return series.value;
            }
        }
    }
    return std::numeric_limits<double>::quiet_NaN();
}

bool Exposition::has(const std::string& name) const {
    for (const auto& [family, content] : families) {
        for (const Series& series : content.series) {
            if (series.name == name) {
                return true;
            }
        }
    }
    return false;
}

std::string Exposition::problemText() const {
    std::string text;
    for (const std::string& problem : problems) {
        text += problem + "\n";
    }
    return text;
}

}  // namespace drover::test
