#include "BoardInputs.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string_view>
#include <utility>

#include <Poco/Exception.h>

#include "BoardAnswer.h"
#include "drover/NodeNumber.h"

namespace drover::board {

namespace {

constexpr std::int64_t kMostJobsPerPage = 300;
constexpr int kHighestPriority = 2097151;
/// Beyond it a double does not hold every integer.
constexpr double kMostExact = 9007199254740991.0;

[[noreturn]] void refuse(const PageText& text) {
    throw BoardError{errorAnswer(400, text, {.code = "INVALID_REQUEST"})};
}

[[noreturn]] void refuseQuery(const std::string& field) {
    refuse({"ERRORS.INVALID_QUERY_PARAM", {{"field", field}}});
}

[[noreturn]] void refuseBody(const std::string& field) {
    refuse(field.empty() ? PageText{"ERRORS.INVALID_REQUEST_BODY"}
                         : PageText{"ERRORS.INVALID_REQUEST_BODY", {{"field", field}}});
}

/// Returns an integer that a double holds exactly.
std::optional<std::int64_t> integerOf(double number) {
    if (!std::isfinite(number) || std::trunc(number) != number || std::abs(number) > kMostExact) {
        return std::nullopt;
    }
    return static_cast<std::int64_t>(number);
}

std::optional<std::int64_t> integerOf(const JsonView& json) {
    return json.isNumber() ? integerOf(json.number().value_or(std::nan(""))) : std::nullopt;
}

/// A number that may stand in quotes, as values of forms do.
std::optional<double> finiteOf(const JsonView& json) {
    if (!json.isNumber() && !json.isString()) {
        return std::nullopt;
    }
    const double number = nodeNumber(json.text());
    return std::isfinite(number) ? std::optional(number) : std::nullopt;
}

/// An integer of at least 1, as a query has it.
std::int64_t queryInteger(const Request& request,
                          const std::string& name,
                          std::int64_t fallback,
                          std::int64_t most) {
    const std::string text = queryText(request, name);
    if (text.empty()) {
        return fallback;
    }
    const auto number = integerOf(nodeNumberOfText(text));
    if (!number || *number < 1 || *number > most) {
        refuseQuery(name);
    }
    return *number;
}

int clampedQuery(const Request& request, const std::string& name, int fallback, int most) {
    const std::string text = queryText(request, name);
    const double number = nodeNumberOfText(text);
    if (text.empty() || !std::isfinite(number) || std::trunc(number) != number) {
        return fallback;
    }
    return static_cast<int>(std::clamp(number, 1.0, static_cast<double>(most)));
}

/// Returns a member that is not null.
std::optional<JsonView> given(const JsonView& body, std::string_view name) {
    auto member = body.isObject() ? body.member(name) : std::nullopt;
    return member && !member->isNull() ? member : std::nullopt;
}

int positive(const JsonView& json, std::string_view error) {
    const auto number = integerOf(json);
    if (!number || *number < 1 || *number > std::numeric_limits<int>::max()) {
        refuse({error});
    }
    return static_cast<int>(*number);
}

std::string trimmed(const std::string& text) {
    return std::string(detail::nodeTrimmed(text));
}

/// Returns the text of a member, trimmed; empty if it is absent.
std::string textOf(const JsonView& body, const std::string& name) {
    const auto member = body.member(name);
    if (!member) {
        return "";
    }
    if (!member->isString()) {
        refuseBody(name);
    }
    return trimmed(member->string().value_or(""));
}

std::optional<std::chrono::milliseconds> everyOf(const JsonView& body) {
    const auto member = given(body, "every");
    if (!member) {
        return std::nullopt;
    }
    const auto number = finiteOf(*member);
    if (!number || *number < 1 || *number > kMostExact) {
        refuse({"ERRORS.INVALID_SCHEDULER_INTERVAL"});
    }
    return std::chrono::milliseconds(static_cast<std::int64_t>(*number));
}

std::optional<std::int64_t> limitOf(const JsonView& body) {
    const auto member = given(body, "limit");
    if (!member) {
        return std::nullopt;
    }
    const auto number = integerOf(*member);
    if (!number || *number < 1) {
        refuse({"ERRORS.INVALID_SCHEDULER_LIMIT"});
    }
    return number;
}

std::optional<std::int64_t> endOf(const JsonView& body, std::int64_t nowMs) {
    const auto member = given(body, "endDate");
    if (!member) {
        return std::nullopt;
    }
    const auto number = finiteOf(*member);
    if (!number || *number <= static_cast<double>(nowMs) || *number > kMostExact) {
        refuse({"ERRORS.INVALID_SCHEDULER_END_DATE"});
    }
    return static_cast<std::int64_t>(*number);
}

}  // namespace

std::string queryText(const Request& request, const std::string& name) {
    return request.has(name) ? request.text(name) : std::string();
}

QueuesQuery parseQueuesQuery(const Request& request) {
    QueuesQuery query;
    query.activeQueue = queryText(request, "activeQueue");
    query.page.states = shownStates();
    const std::string status = queryText(request, "status");
    // "paused" is a state of older versions, whose jobs are among the waiting ones here.
    if (status == "paused") {
        query.page.states = {JobState::Waiting};
    } else if (!status.empty() && status != "latest") {
        const auto& all = shownStates();
        const auto state = std::find_if(
            all.begin(), all.end(), [&status](JobState one) { return toString(one) == status; });
        if (state == all.end()) {
            refuseQuery("status");
        }
        query.page.states = {*state};
    }
    constexpr std::int64_t kFarthestPage = std::int64_t{1} << 40;
    query.page.page = queryInteger(request, "page", 1, kFarthestPage);
    query.page.jobsPerPage = queryInteger(request, "jobsPerPage", 10, kMostJobsPerPage);
    return query;
}

BoardFlow parseFlowQuery(const Request& request) {
    return {clampedQuery(request, "depth", 10, 20),
            clampedQuery(request, "maxChildren", 20, 1000),
            queryText(request, "root") == "node"};
}

NewJob parseNewJob(const JsonView& body) {
    if (!body.isObject()) {
        refuseBody("");
    }
    NewJob job;
    if (const auto name = body.member("name")) {
        if (!name->isString()) {
            refuseBody("name");
        }
        job.name = name->string().value_or("");
    }
    if (const auto data = body.member("data")) {
        job.data = data->text();
    }
    if (const auto options = body.member("options")) {
        if (!options->isObject()) {
            refuseBody("options");
        }
        try {
            job.opts = JobOptions::parse(options->text());
        } catch (const Poco::InvalidArgumentException& error) {
            throw BoardError{errorAnswer(400,
                                         {"ERRORS.INVALID_REQUEST_BODY", {{"field", "options"}}},
                                         {.message = error.message(), .code = "INVALID_REQUEST"})};
        }
    }
    return job;
}

std::string parseJobData(const JsonView& body) {
    if (!body.isObject()) {
        refuseBody("");
    }
    const auto data = body.member("jobData");
    if (!data) {
        refuseBody("jobData");
    }
    return std::string(data->text());
}

std::chrono::milliseconds parseDelay(const JsonView& body, std::int64_t nowMs) {
    const auto at = given(body, "runAt");
    const double number = at && at->isNumber() ? at->number().value_or(std::nan("")) : std::nan("");
    if (!std::isfinite(number)) {
        refuse({"ERRORS.INVALID_RUN_AT"});
    }
    const double delay = number - static_cast<double>(nowMs);
    return std::chrono::milliseconds(static_cast<std::int64_t>(std::clamp(delay, 0.0, kMostExact)));
}

int parsePriority(const JsonView& body) {
    const auto priority = given(body, "priority");
    const auto number = priority ? integerOf(*priority) : std::nullopt;
    if (!number || *number < 0 || *number > kHighestPriority) {
        refuse({"ERRORS.INVALID_PRIORITY", {}, {{"max", kHighestPriority}}});
    }
    return static_cast<int>(*number);
}

int parseConcurrency(const JsonView& body) {
    const auto concurrency = given(body, "concurrency");
    const auto number = concurrency ? integerOf(*concurrency) : std::nullopt;
    if (!number || *number < 0 || *number > std::numeric_limits<int>::max()) {
        refuse({"ERRORS.INVALID_CONCURRENCY"});
    }
    return static_cast<int>(*number);
}

std::optional<RateLimit> parseRateLimit(const JsonView& body) {
    if (!body.isObject()) {
        refuse({"ERRORS.INVALID_RATE_LIMIT"});
    }
    const auto max = given(body, "max");
    if (!max) {
        return std::nullopt;
    }
    constexpr std::string_view kError = "ERRORS.INVALID_RATE_LIMIT";
    RateLimit limit;
    limit.max = positive(*max, kError);
    limit.duration = std::chrono::milliseconds(positive(body["duration"], kError));
    return limit;
}

bool parseForce(const JsonView& body) {
    if (!body.isObject()) {
        refuseBody("");
    }
    const auto force = body.member("force");
    if (force && force->type() != JsonView::Type::Boolean) {
        refuseBody("force");
    }
    return force && force->boolean().value_or(false);
}

RepeatOptions parseSchedule(const JsonView& body, std::int64_t nowMs) {
    if (!body.isObject()) {
        refuseBody("");
    }
    RepeatOptions repeat;
    repeat.pattern = textOf(body, "pattern");
    repeat.every = everyOf(body);
    repeat.tz = textOf(body, "tz");
    repeat.limit = limitOf(body);
    repeat.endDateMs = endOf(body, nowMs);
    if (repeat.pattern.empty() != repeat.every.has_value()) {
        refuse({"ERRORS.INVALID_SCHEDULER_SCHEDULE"});
    }
    return repeat;
}

}  // namespace drover::board
