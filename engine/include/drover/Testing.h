#pragma once

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "drover/ActiveJob.h"
#include "drover/Json.h"
#include "drover/Outcome.h"
#include "drover/PluginAbi.h"

/// What the plugin that is linked into this program exports. Needed only by a test that names it.
extern "C" DROVER_EXPORT const drover_plugin_descriptor* drover_plugin(void) noexcept;

/// Runs the handlers of a plugin without an engine and without servers, through the functions that the engine calls and
/// with the answers that it gives. So a handler in plain C is tested as one in C++ is.
///
///     drover::testing::Plugin plugin(drover_plugin());           // compiled together with the plugin's sources
///     drover::testing::Instance greet = plugin.create("greet");
///     drover::testing::Job job({.data = R"({"name":"Ada"})"});
///     greet.run(job);
///     assert(job.outcome() == drover::completed(R"("hello Ada")"));
namespace drover::testing {

/// What a handler sees of a job. Members that are not set are those of a fresh job.
struct JobFields {
    std::string data = "{}";  ///< JSON, though nobody checks it: a handler may meet anything.
    std::string name = {};    ///< Empty: the first name that the handler serves.
    std::string queue = {};   ///< "<prefix>:<queue>"; empty: "bull:" and the handler's own queue.
    std::string id = "1";
    std::string opts = "{}";     ///< JSON; its "attempts" is what ActiveJob::attempts() tells.
    std::string progress = {};   ///< JSON; empty: never set.
    std::string parentKey = {};  ///< "<prefix>:<queue>:<id>"; empty: no parent.
    std::string scheduler = {};  ///< Empty: none.
    std::string deduplicationId = {};
    std::int64_t timestampMs = 1700000000000;  ///< Epoch.
    std::int64_t delayMs = 0;
    int priority = 0;
    int attemptsMade = 0;
    int attemptsStarted = 0;  ///< 0: one more than `attemptsMade`.
    int stalledCount = 0;
};

/// A job that a handler added with addChildren().
struct Child {
    std::string queue;  ///< Qualified; the parent's if the handler named none.
    std::string name;
    std::string data;  ///< JSON.
    std::string opts;  ///< JSON.

    bool operator==(const Child&) const = default;
};

/// A line for the log of the process. `level`: DROVER_LOG_DEBUG to DROVER_LOG_ERROR.
struct LogLine {
    std::string plugin;
    int level = DROVER_LOG_INFO;
    std::string text;

    bool operator==(const LogLine&) const = default;
};

namespace detail {

struct Log {
    std::mutex mutex;
    std::vector<LogLine> lines;
};

inline Log& processLog() {
    static Log log;
    return log;
}

/// A job with all that its handler did to it.
struct JobState {
    JobFields fields;
    std::mutex mutex;  // Of everything below: host functions may be called from any thread.
    std::optional<Outcome> outcome;
    CancelCause cause = CancelCause::None;
    std::optional<std::pair<std::chrono::milliseconds, CancelCause>> planned;
    std::chrono::milliseconds waited{0};
    bool redisAway = false;
    std::string childrenValues = "{}";
    std::vector<std::string> progress;
    std::vector<std::string> data;
    std::vector<std::string> logs;
    std::vector<Child> children;
};

}  // namespace detail

/// A job to run once, and what its handler did with it.
/// Threads: every method may be called from any thread.
class Job {
public:
    explicit Job(JobFields fields = {}) : state_(std::make_unique<detail::JobState>()) {
        state_->fields = std::move(fields);
    }

    // Before it runs, or meanwhile from another thread.

    /// Sets the cancel token. The first cause stands, but for Lost, which overrides the others: then the engine takes
    /// nothing for this job any more.
    Job& cancel(CancelCause cause) {
        const std::lock_guard lock(state_->mutex);
        if (state_->cause == CancelCause::None || cause == CancelCause::Lost) {
            state_->cause = cause;
        }
        return *this;
    }
    /// Sets the cancel token when the handler has waited that long in waitCancelled(), all its waits added up. Nobody
    /// really waits: each wait returns at once, and counts as if it had lasted.
    Job& cancelAfter(std::chrono::milliseconds waited, CancelCause cause) {
        const std::lock_guard lock(state_->mutex);
        state_->planned.emplace(waited, cause);
        return *this;
    }
    /// What childrenValues() answers: JSON object, child job key to result.
    Job& setChildrenValues(std::string json) {
        const std::lock_guard lock(state_->mutex);
        state_->childrenValues = std::move(json);
        return *this;
    }
    /// From now on whatever needs Redis answers that it cannot be reached. Outcomes need no Redis.
    Job& loseRedis() {
        const std::lock_guard lock(state_->mutex);
        state_->redisAway = true;
        return *this;
    }

    // Afterwards.

    /// std::nullopt: the handler left it without one, and the engine would hand it back.
    [[nodiscard]] std::optional<Outcome> outcome() const {
        return read(&detail::JobState::outcome);
    }
    /// Each value of updateProgress(), in order.
    [[nodiscard]] std::vector<std::string> progress() const {
        return read(&detail::JobState::progress);
    }
    /// Each value of updateData(), in order.
    [[nodiscard]] std::vector<std::string> updatedData() const {
        return read(&detail::JobState::data);
    }
    /// The rows of the job's own log.
    [[nodiscard]] std::vector<std::string> logs() const { return read(&detail::JobState::logs); }
    /// The jobs that addChildren() added. Their ids are counted from 1. Of their opts the engine checks more than is
    /// checked here.
    [[nodiscard]] std::vector<Child> children() const { return read(&detail::JobState::children); }
    /// How long the handler wanted to wait in waitCancelled(), all its waits added up.
    [[nodiscard]] std::chrono::milliseconds waited() const {
        return read(&detail::JobState::waited);
    }

private:
    friend class Instance;

    template <typename Member>
    [[nodiscard]] Member read(Member detail::JobState::*member) const {
        const std::lock_guard lock(state_->mutex);
        return (*state_).*member;
    }

    std::unique_ptr<detail::JobState> state_;
};

/// An outcome in words, for the message of a check: `completed "hello"`, `failed: no such user`, `no outcome`.
[[nodiscard]] inline std::string toString(const std::optional<Outcome>& outcome) {
    if (!outcome) {
        return "no outcome";
    }
    const std::string ms = std::to_string(outcome->ms);
    switch (outcome->kind) {
        case Outcome::Kind::Completed:
            return "completed " + outcome->text;
        case Outcome::Kind::Failed:
            return "failed: " + outcome->text;
        case Outcome::Kind::Unrecoverable:
            return "unrecoverable: " + outcome->text;
        case Outcome::Kind::Unavailable:
            return "unavailable for " + ms + " ms: " + outcome->text;
        case Outcome::Kind::Delayed:
            return "delayed until " + ms;
        case Outcome::Kind::Wait:
            return "moved to wait";
        case Outcome::Kind::WaitingChildren:
            return "waiting for children";
        case Outcome::Kind::RateLimited:
            return "rate limited for " + ms + " ms";
    }
    return "an unknown outcome";
}

/// The lines that handlers wrote to the log of the process since the last call.
[[nodiscard]] inline std::vector<LogLine> takeLog() {
    detail::Log& log = detail::processLog();
    const std::lock_guard lock(log.mutex);
    return std::exchange(log.lines, {});
}

namespace detail {

inline std::string_view view(drover_bytes bytes) {
    return bytes.data == nullptr ? std::string_view() : std::string_view(bytes.data, bytes.size);
}
inline drover_bytes bytes(std::string_view text) {
    return {text.data(), text.size()};
}

/// Receives the reason of a refusal; `context` is the std::string for it.
inline void takeReason(void* context, drover_bytes reason) noexcept {
    *static_cast<std::string*>(context) = repairedUtf8(view(reason));
}

/// opts.attempts; 0 if it is not there or no number that makes sense.
inline std::int32_t attemptsOf(std::string_view opts) {
    const JsonView options = JsonView::tryParse(opts).value_or(JsonView());
    const double attempts = options["attempts"].number().value_or(0);
    return attempts >= 0 && attempts <= std::numeric_limits<std::int32_t>::max()
               ? static_cast<std::int32_t>(attempts)
               : 0;
}

/// An object, or the empty array that clients in PHP write for an empty one.
inline bool isOptions(const JsonView& json) {
    return json.isObject() || (json.isArray() && json.elements().empty());
}

/// Reads what a handler gave to add_children; std::nullopt: the engine takes none of it.
inline std::optional<std::vector<Child>> parseChildren(std::string_view json,
                                                       const std::string& parentQueue) {
    const auto all = JsonView::tryParse(json, std::numeric_limits<std::size_t>::max());
    if (!all || !all->isArray()) {
        return std::nullopt;
    }
    std::vector<Child> children;
    for (const JsonView& element : all->elements()) {
        if (!element.isObject()) {
            return std::nullopt;
        }
        Child child{parentQueue, "", "{}", "{}"};
        bool named = false;
        for (const auto& [member, value] : element.members()) {
            const auto text = value.string();
            if (member == "queue" && text) {
                child.queue = *text;
            } else if (member == "name" && text) {
                child.name = *text;
                named = true;
            } else if (member == "data") {
                child.data = value.text();
            } else if (member == "opts" && isOptions(value)) {
                child.opts = value.text();
            } else {
                return std::nullopt;
            }
        }
        const auto colon = child.queue.rfind(':');
        if (!named || colon == std::string::npos || colon + 1 == child.queue.size()) {
            return std::nullopt;
        }
        children.push_back(std::move(child));
    }
    return children;
}

/// The host table of the engine, on jobs of a test.
class Host {
public:
    /// One run of process() or outcome_of(). Handlers know it as drover_call.
    struct Call {
        std::vector<JobState*> jobs;
        drover_call* opaque() noexcept { return reinterpret_cast<drover_call*>(this); }
    };

    static const drover_host_api& api() noexcept {
        static constexpr drover_host_api kApi = {
            .struct_size = sizeof(drover_host_api),
            .abi_major = DROVER_ABI_MAJOR,
            .abi_minor = DROVER_ABI_MINOR,
            .complete = &complete,
            .fail = &fail,
            .unavailable = &unavailable,
            .move_to_delayed = &moveToDelayed,
            .move_to_wait = &moveToWait,
            .move_to_waiting_children = &moveToWaitingChildren,
            .rate_limit = &rateLimit,
            .update_progress = &updateProgress,
            .update_data = &updateData,
            .add_log = &addLog,
            .add_children = &addChildren,
            .children_values = &childrenValues,
            .cancelled = &cancelled,
            .wait_cancelled = &waitCancelled,
            .write_log = &writeLog,
            .request = &request,
        };
        return kApi;
    }

private:
    static JobState* find(drover_call* call, std::uint32_t index) noexcept {
        auto* const known = reinterpret_cast<Call*>(call);
        return known == nullptr || index >= known->jobs.size() ? nullptr : known->jobs[index];
    }

    static std::int32_t decide(drover_call* call,
                               std::uint32_t index,
                               bool good,
                               Outcome outcome) noexcept {
        JobState* const job = find(call, index);
        if (job == nullptr || !good) {
            return DROVER_E_ARGUMENT;
        }
        const std::lock_guard lock(job->mutex);
        if (job->outcome) {
            return DROVER_E_TWICE;
        }
        job->outcome = std::move(outcome);
        return DROVER_OK;
    }

    static std::int32_t complete(drover_call* call, std::uint32_t index, drover_bytes r) noexcept {
        const std::string_view json = view(r);
        return decide(call,
                      index,
                      json.empty() || isJson(json),
                      completed(json.empty() ? std::string_view("null") : json));
    }
    static std::int32_t fail(drover_call* call,
                             std::uint32_t index,
                             drover_bytes reason,
                             drover_bytes trace,
                             std::int32_t forGood) noexcept {
        Outcome outcome = failed(repairedUtf8(view(reason)));
        outcome.trace = repairedUtf8(view(trace));
        outcome.kind = forGood != 0 ? Outcome::Kind::Unrecoverable : Outcome::Kind::Failed;
        return decide(call, index, true, std::move(outcome));
    }
    static std::int32_t unavailable(drover_call* call,
                                    std::uint32_t index,
                                    drover_bytes reason,
                                    std::int64_t ms) noexcept {
        return decide(
            call,
            index,
            ms >= 0,
            {.kind = Outcome::Kind::Unavailable, .text = repairedUtf8(view(reason)), .ms = ms});
    }
    static std::int32_t moveToDelayed(drover_call* call,
                                      std::uint32_t index,
                                      std::int64_t ms) noexcept {
        return decide(call, index, ms >= 0, {.kind = Outcome::Kind::Delayed, .ms = ms});
    }
    static std::int32_t moveToWait(drover_call* call, std::uint32_t index) noexcept {
        return decide(call, index, true, movedToWait());
    }
    static std::int32_t moveToWaitingChildren(drover_call* call, std::uint32_t index) noexcept {
        return decide(call, index, true, waitForChildren());
    }
    static std::int32_t rateLimit(drover_call* call,
                                  std::uint32_t index,
                                  std::int64_t ms) noexcept {
        return decide(call, index, ms >= 0, {.kind = Outcome::Kind::RateLimited, .ms = ms});
    }

    /// A call that the engine would take to Redis: `act(job)` if Redis is there and the job still ours.
    template <typename Act>
    static std::int32_t reachRedis(drover_call* call,
                                   std::uint32_t index,
                                   bool good,
                                   Act act) noexcept {
        JobState* const job = find(call, index);
        if (job == nullptr || !good) {
            return DROVER_E_ARGUMENT;
        }
        const std::lock_guard lock(job->mutex);
        if (job->cause == CancelCause::Lost) {
            return DROVER_E_LOST;
        }
        if (job->redisAway) {
            return DROVER_E_UNAVAILABLE;
        }
        act(*job);
        return DROVER_OK;
    }

    static std::int32_t updateProgress(drover_call* call,
                                       std::uint32_t index,
                                       drover_bytes json) noexcept {
        return reachRedis(call, index, isJson(view(json)), [&](JobState& job) {
            job.progress.emplace_back(view(json));
        });
    }
    static std::int32_t updateData(drover_call* call,
                                   std::uint32_t index,
                                   drover_bytes json) noexcept {
        return reachRedis(call, index, isJson(view(json)), [&](JobState& job) {
            job.data.emplace_back(view(json));
        });
    }
    static std::int32_t addLog(drover_call* call, std::uint32_t index, drover_bytes row) noexcept {
        return reachRedis(call, index, isUtf8(view(row)), [&](JobState& job) {
            job.logs.emplace_back(view(row));
        });
    }
    static std::int32_t addChildren(drover_call* call,
                                    std::uint32_t index,
                                    drover_bytes json,
                                    drover_sink sink,
                                    void* context) noexcept {
        const JobState* const parent = find(call, index);
        auto children =
            parent == nullptr ? std::nullopt : parseChildren(view(json), parent->fields.queue);
        std::string ids = "[";
        const std::int32_t answer =
            reachRedis(call, index, children.has_value(), [&](JobState& job) {
                for (Child& child : *children) {
                    job.children.push_back(std::move(child));
                    ids += (ids.size() > 1 ? ",\"" : "\"") + std::to_string(job.children.size());
                    ids += '"';
                }
                ids += "]";
            });
        if (answer == DROVER_OK && sink != nullptr) {
            sink(context, bytes(ids));
        }
        return answer;
    }
    static std::int32_t childrenValues(drover_call* call,
                                       std::uint32_t index,
                                       drover_sink sink,
                                       void* context) noexcept {
        std::string values;
        const std::int32_t answer =
            reachRedis(call, index, true, [&](JobState& job) { values = job.childrenValues; });
        if (answer == DROVER_OK && sink != nullptr) {
            sink(context, bytes(values));
        }
        return answer;
    }

    static std::int32_t cancelled(drover_call* call, std::uint32_t index) noexcept {
        JobState* const job = find(call, index);
        if (job == nullptr) {
            return DROVER_CANCELLED_LOST;
        }
        const std::lock_guard lock(job->mutex);
        return static_cast<std::int32_t>(job->cause);
    }
    static std::int32_t waitCancelled(drover_call* call,
                                      std::uint32_t index,
                                      std::int64_t timeoutMs) noexcept {
        constexpr std::int64_t kLongestWaitMs = std::int64_t{365} * 24 * 3600 * 1000;
        JobState* const job = find(call, index);
        if (job == nullptr) {
            return DROVER_CANCELLED_LOST;
        }
        // A handler may be polling for what another thread of its does.
        std::this_thread::yield();
        const std::lock_guard lock(job->mutex);
        if (job->cause == CancelCause::None) {
            const auto end = job->waited + std::chrono::milliseconds(std::clamp<std::int64_t>(
                                               timeoutMs, 0, kLongestWaitMs));
            const bool reached = job->planned && end >= job->planned->first;
            job->waited = reached ? std::max(job->waited, job->planned->first) : end;
            job->cause = reached ? job->planned->second : CancelCause::None;
        }
        return static_cast<std::int32_t>(job->cause);
    }

    static void writeLog(const char* plugin, std::int32_t level, drover_bytes text) noexcept {
        Log& log = processLog();
        const std::lock_guard lock(log.mutex);
        log.lines.push_back({plugin == nullptr ? "" : plugin, level, repairedUtf8(view(text))});
    }

    static std::int32_t request(
        drover_call*, std::uint32_t, drover_bytes, drover_bytes, drover_sink, void*) noexcept {
        return DROVER_E_UNSUPPORTED;
    }
};

/// The values of a plugin's keys, by their names, in the form of the ABI.
class ConfigValues {
public:
    using Map = std::map<std::string, std::string>;

    ConfigValues(const drover_plugin_descriptor& plugin, Map given) : given_(std::move(given)) {
        std::size_t taken = 0;
        for (std::uint32_t i = 0; i < plugin.config_key_count; ++i) {
            const drover_config_key& key = *plugin.config_keys[i];
            const auto found = given_.find(key.name);
            if (found != given_.end()) {
                ++taken;
                require(fits(key, found->second),
                        "the configuration key " + found->first + " cannot be '" + found->second +
                            "': another type or out of its range");
                values_.push_back(bytes(found->second));
            } else if (key.default_value != nullptr) {
                values_.push_back(bytes(key.default_value));
            } else {
                require((key.flags & DROVER_CONFIG_REQUIRED) == 0,
                        std::string("the configuration key ") + key.name + " is required");
                values_.push_back({nullptr, 0});
            }
        }
        require(taken == given_.size(), "a configuration key is given that is not declared");
        view_ = {sizeof(drover_config), static_cast<std::uint32_t>(values_.size()), values_.data()};
    }
    ConfigValues(const ConfigValues&) = delete;
    ConfigValues& operator=(const ConfigValues&) = delete;

    [[nodiscard]] const drover_config* view() const noexcept { return &view_; }
    [[nodiscard]] const Map& given() const noexcept { return given_; }

private:
    static void require(bool good, const std::string& otherwise) {
        if (!good) {
            throw std::invalid_argument(otherwise);
        }
    }

    template <typename Number>
    static bool numberFits(const drover_config_key& key, std::string_view text) {
        Number number{};
        const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
        if (error != std::errc() || end != text.data() + text.size() ||
            !std::isfinite(static_cast<double>(number))) {
            return false;
        }
        const bool anyNumber = key.minimum == 0 && key.maximum == 0;
        return anyNumber || (number >= static_cast<Number>(key.minimum) &&
                             number <= static_cast<Number>(key.maximum));
    }

    static bool fits(const drover_config_key& key, std::string_view text) {
        switch (key.type) {
            case DROVER_CONFIG_INT:
                return numberFits<std::int64_t>(key, text);
            case DROVER_CONFIG_DOUBLE:
                return numberFits<double>(key, text);
            case DROVER_CONFIG_BOOL:
                return text == "true" || text == "false";
            default:
                return isUtf8(text);
        }
    }

    Map given_;  // The values below point into it.
    std::vector<drover_bytes> values_;
    drover_config view_{};
};

}  // namespace detail

/// One instance of a handler.
/// Threads: as in the engine, one at a time.
class Instance {
public:
    Instance(const Instance&) = delete;
    Instance& operator=(const Instance&) = delete;
    ~Instance() { handler_.destroy(instance_); }

    /// Runs one job. Throws std::logic_error if the handler does not serve its name, or if it has an outcome already:
    /// another attempt is another Job.
    void run(Job& job) { run(std::span<Job>(&job, 1)); }
    /// Runs several jobs, as many at once as the handler takes.
    void run(std::span<Job> jobs) {
        for (Job& job : jobs) {
            prepare(*job.state_);
        }
        for (std::size_t from = 0; from < jobs.size(); from += handler_.batch_max) {
            const std::size_t n = std::min<std::size_t>(handler_.batch_max, jobs.size() - from);
            detail::Host::Call call;
            std::vector<drover_job> views;
            for (Job& job : jobs.subspan(from, n)) {
                call.jobs.push_back(job.state_.get());
                views.push_back(viewOf(job.state_->fields));
            }
            std::vector<const drover_job*> pointers;
            pointers.reserve(n);
            for (const drover_job& view : views) {
                pointers.push_back(&view);
            }
            handler_.process(
                instance_, call.opaque(), pointers.data(), static_cast<std::uint32_t>(n));
        }
    }

    /// What the engine asks before it fails a job for stalling too often. The job's outcome afterwards is the handler's
    /// answer; none: it knows nothing, or does not offer this.
    void outcomeOf(Job& job) {
        prepare(*job.state_);
        if (handler_.outcome_of != nullptr) {
            detail::Host::Call call{{job.state_.get()}};
            const drover_job view = viewOf(job.state_->fields);
            handler_.outcome_of(instance_, call.opaque(), &view);
        }
    }

    /// The handler's own backoff after `attemptsMade` failed attempts (counted from 1); std::nullopt: it fails for good.
    /// Throws std::logic_error if the handler offers none.
    [[nodiscard]] std::optional<std::chrono::milliseconds> backoff(Job& job,
                                                                   int attemptsMade,
                                                                   std::string_view type,
                                                                   std::string_view reason = {}) {
        if (handler_.backoff == nullptr) {
            throw std::logic_error(std::string("the handler ") + handler_.name +
                                   " has no backoff of its own");
        }
        prepare(*job.state_);
        const drover_job view = viewOf(job.state_->fields);
        const std::int64_t ms = handler_.backoff(
            instance_, &view, attemptsMade, detail::bytes(type), detail::bytes(reason));
        return ms < 0 ? std::nullopt : std::optional(std::chrono::milliseconds(ms));
    }

    /// A reload: these keys have new values, the others keep theirs. Throws std::invalid_argument for a value that does not
    /// fit and for a key that is not reloadable.
    void configure(const std::map<std::string, std::string>& changed) {
        auto values = config_->given();
        for (std::uint32_t i = 0; i < plugin_.config_key_count; ++i) {
            const drover_config_key& key = *plugin_.config_keys[i];
            if (changed.count(key.name) != 0 && (key.flags & DROVER_CONFIG_RELOADABLE) == 0) {
                throw std::invalid_argument(std::string("the configuration key ") + key.name +
                                            " is not reloadable");
            }
        }
        for (const auto& [name, value] : changed) {
            values[name] = value;
        }
        config_ = std::make_shared<const detail::ConfigValues>(plugin_, std::move(values));
        if (handler_.configure != nullptr) {
            handler_.configure(instance_, config_->view());
        }
    }

private:
    friend class Plugin;

    Instance(const drover_plugin_descriptor& plugin,
             const drover_handler& handler,
             std::shared_ptr<const detail::ConfigValues> config)
        : plugin_(plugin), handler_(handler), config_(std::move(config)) {
        std::string reason = "it gives no reason";
        instance_ =
            handler_.create(&detail::Host::api(), config_->view(), &detail::takeReason, &reason);
        if (instance_ == nullptr) {
            throw std::runtime_error(std::string("the handler ") + handler_.name +
                                     " cannot be made: " + reason);
        }
    }

    /// Fills in what the job's author left to the handler.
    void prepare(detail::JobState& job) const {
        const std::vector<std::string> served(handler_.job_names,
                                              handler_.job_names + handler_.job_name_count);
        JobFields& fields = job.fields;
        if (fields.name.empty() && !served.empty()) {
            fields.name = served.front();
        }
        if (!served.empty() &&
            std::find(served.begin(), served.end(), fields.name) == served.end()) {
            throw std::logic_error(std::string("the handler ") + handler_.name +
                                   " does not serve jobs named " + fields.name);
        }
        const std::lock_guard lock(job.mutex);
        if (job.outcome) {
            throw std::logic_error("job " + fields.id +
                                   " has an outcome already; another attempt is another Job");
        }
        if (fields.queue.empty()) {
            fields.queue = std::string("bull:") + handler_.default_queue;
        }
        if (fields.attemptsStarted == 0) {
            fields.attemptsStarted = fields.attemptsMade + 1;
        }
    }

    static drover_job viewOf(const JobFields& fields) {
        drover_job out{};
        out.struct_size = sizeof(out);
        out.attempts_made = fields.attemptsMade;
        out.attempts_started = fields.attemptsStarted;
        out.stalled_count = fields.stalledCount;
        out.attempts = detail::attemptsOf(fields.opts);
        out.priority = fields.priority;
        out.timestamp_ms = fields.timestampMs;
        out.delay_ms = fields.delayMs;
        out.id = detail::bytes(fields.id);
        out.name = detail::bytes(fields.name);
        out.queue = detail::bytes(fields.queue);
        out.data = detail::bytes(fields.data);
        out.opts = detail::bytes(fields.opts);
        out.parent_key = detail::bytes(fields.parentKey);
        out.scheduler = detail::bytes(fields.scheduler);
        out.deduplication_id = detail::bytes(fields.deduplicationId);
        out.progress = detail::bytes(fields.progress);
        return out;
    }

    const drover_plugin_descriptor& plugin_;
    const drover_handler& handler_;
    std::shared_ptr<const detail::ConfigValues> config_;
    void* instance_ = nullptr;
};

/// A plugin, set up as the engine does it at its start. Outlives its instances.
class Plugin {
public:
    /// `config`: values of the plugin's keys, by the names that it declares; the others have their defaults.
    /// Throws std::invalid_argument for a value that does not fit, std::runtime_error if the plugin is of another ABI or
    /// its init refuses. `drover plugin check` looks at the rest of a descriptor.
    explicit Plugin(const drover_plugin_descriptor* descriptor,
                    std::map<std::string, std::string> config = {})
        : descriptor_(descriptor) {
        if (descriptor == nullptr || descriptor->magic != DROVER_ABI_MAGIC ||
            descriptor->abi_major != DROVER_ABI_MAJOR || descriptor->abi_minor > DROVER_ABI_MINOR) {
            throw std::runtime_error(
                "this is no descriptor of the plugin ABI that Testing.h knows");
        }
        config_ = std::make_shared<const detail::ConfigValues>(*descriptor, std::move(config));
        std::string reason = "it gives no reason";
        if (descriptor->init != nullptr &&
            descriptor->init(&detail::Host::api(), config_->view(), &detail::takeReason, &reason) !=
                0) {
            throw std::runtime_error(std::string("the init of the plugin ") + descriptor->name +
                                     " refuses: " + reason);
        }
    }
    Plugin(const Plugin&) = delete;
    Plugin& operator=(const Plugin&) = delete;
    ~Plugin() {
        if (descriptor_->shutdown != nullptr) {
            descriptor_->shutdown();
        }
    }

    /// Makes an instance of the handler of that name; empty: of the plugin's first. Throws std::out_of_range if there is no
    /// such handler, std::runtime_error if it refuses.
    [[nodiscard]] Instance create(std::string_view handler = {}) const {
        for (std::uint32_t i = 0; i < descriptor_->handler_count; ++i) {
            if (handler.empty() || handler == descriptor_->handlers[i]->name) {
                return Instance(*descriptor_, *descriptor_->handlers[i], config_);
            }
        }
        throw std::out_of_range(std::string("the plugin ") + descriptor_->name +
                                " has no handler " + std::string(handler));
    }

private:
    const drover_plugin_descriptor* descriptor_;
    std::shared_ptr<const detail::ConfigValues> config_;
};

}  // namespace drover::testing
