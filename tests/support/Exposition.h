#pragma once

#include <map>
#include <string>
#include <vector>

namespace drover::test {

/// The text of a scrape, read as strictly as Prometheus and its linter read it.
///
/// Names of BullMQ (bullmq_*) are not held against the conventions, since they are given.
/// A value: parse() never throws.
struct Exposition {
    using Labels = std::map<std::string, std::string>;
    struct Series {
        std::string name;  ///< With _bucket, _sum or _count of a histogram.
        Labels labels;
        double value = 0;
    };
    struct Family {
        std::string type;
        std::string help;
        std::vector<Series> series;
    };

    std::map<std::string, Family> families;
    std::vector<std::string>
        problems;  ///< Violations of the format and of the conventions, with their lines.

    [[nodiscard]] static Exposition parse(const std::string& text);

    /// Returns the value of the series with just these labels; NaN if there is none.
    [[nodiscard]] double value(const std::string& name, const Labels& labels = {}) const;
    /// Returns true if a series has this name.
    [[nodiscard]] bool has(const std::string& name) const;
    /// Returns the problems, a line each.
    [[nodiscard]] std::string problemText() const;
};

}  // namespace drover::test
