#pragma once

// Included by Handler.h, at its end; include Handler.h.

#include <concepts>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "drover/Handler.h"
#include "drover/HandlerRun.h"
#include "drover/PluginAbi.h"

namespace drover {

#pragma GCC visibility push(hidden)
namespace detail {
class Plugin;
template <typename T>
drover_handler functionsOf() noexcept;
}  // namespace detail
#pragma GCC visibility pop

/// The parts of a plugin: its name, its handlers, its configuration. Handed to DROVER_PLUGIN.
class PluginBuilder {
public:
    /// `name`: [A-Za-z][A-Za-z0-9_-]{0,63}, and the stem of the file; also the prefix of its configuration keys.
    PluginBuilder(std::string name, std::string version)
        : name_(std::move(name)), version_(std::move(version)) {}

    PluginBuilder& describe(std::string text) {
        description_ = std::move(text);
        return *this;
    }

    /// Adds the handler class T, a Handler or a BatchHandler, under a name unique within the plugin.
    template <typename T>
    requires std::derived_from<T, Handler> || std::derived_from<T, BatchHandler> PluginBuilder&
    handler(std::string name, HandlerOptions options = {}) {
        if (options.jobNames.empty() && !options.anyJobName) {
            options.jobNames.push_back(name);
        }
        if (std::derived_from<T, Handler>) {
            options.batchMax = 1;
        }
        handlers_.push_back({std::move(name), std::move(options), detail::functionsOf<T>()});
        return *this;
    }

    PluginBuilder& key(ConfigKey key) {
        keys_.push_back(std::move(key));
        return *this;
    }

    /// Called once per process before any handler is made; an exception refuses the plugin.
    PluginBuilder& onInit(void (*init)(const Config&)) {
        init_ = init;
        return *this;
    }
    /// Called once, after every handler is destroyed.
    PluginBuilder& onShutdown(void (*shutdown)()) {
        shutdown_ = shutdown;
        return *this;
    }

private:
    friend class detail::Plugin;

    struct Entry {
        std::string name;
        HandlerOptions options;
        drover_handler functions;
    };

    std::string name_;
    std::string version_;
    std::string description_;
    std::vector<Entry> handlers_;
    std::vector<ConfigKey> keys_;
    void (*init_)(const Config&) = nullptr;
    void (*shutdown_)() = nullptr;
};

[[nodiscard]] inline PluginBuilder plugin(std::string name, std::string version) {
    return {std::move(name), std::move(version)};
}

#pragma GCC visibility push(hidden)
namespace detail {

/// The descriptor with all that it points to. Never destroyed: the engine may use it until the process ends.
class Plugin {
public:
    explicit Plugin(PluginBuilder builder) : builder_(std::move(builder)) {
        // Every table gets its final size first: the descriptor holds pointers into them.
        for (const PluginBuilder::Entry& entry : builder_.handlers_) {
            std::vector<const char*>& names = jobNames_.emplace_back();
            for (const std::string& name : entry.options.jobNames) {
                names.push_back(name.c_str());
            }
            handlers_.push_back(entry.functions);
        }
        for (std::size_t i = 0; i < handlers_.size(); ++i) {
            const PluginBuilder::Entry& entry = builder_.handlers_[i];
            drover_handler& handler = handlers_[i];
            handler.batch_max = entry.options.batchMax;
            handler.name = entry.name.c_str();
            handler.job_names = jobNames_[i].data();
            handler.job_name_count = static_cast<std::uint32_t>(jobNames_[i].size());
            handler.default_queue = entry.options.queue.c_str();
            handler.default_options = orNull(entry.options.defaultOptions);
            handlerPointers_.push_back(&handler);
        }
        for (const ConfigKey& key : builder_.keys_) {
            keys_.push_back(describe(key));
        }
        for (const drover_config_key& key : keys_) {
            keyPointers_.push_back(&key);
        }
        descriptor_.magic = DROVER_ABI_MAGIC;
        descriptor_.abi_major = DROVER_ABI_MAJOR;
        descriptor_.abi_minor = DROVER_ABI_MINOR;
        descriptor_.struct_size = sizeof(drover_plugin_descriptor);
        descriptor_.handler_count = static_cast<std::uint32_t>(handlerPointers_.size());
        descriptor_.handlers = handlerPointers_.data();
        descriptor_.config_keys = keyPointers_.data();
        descriptor_.config_key_count = static_cast<std::uint32_t>(keyPointers_.size());
        descriptor_.name = builder_.name_.c_str();
        descriptor_.version = builder_.version_.c_str();
        descriptor_.description = builder_.description_.c_str();
        descriptor_.init = builder_.init_ != nullptr ? &Plugin::init : nullptr;
        descriptor_.shutdown = builder_.shutdown_ != nullptr ? &Plugin::shutdown : nullptr;
    }
    Plugin(const Plugin&) = delete;
    Plugin& operator=(const Plugin&) = delete;

    [[nodiscard]] const drover_plugin_descriptor* descriptor() const noexcept {
        return &descriptor_;
    }
    [[nodiscard]] const char* name() const noexcept { return descriptor_.name; }
    [[nodiscard]] Config config(const drover_host_api* host,
                                const drover_config* values) const noexcept {
        return {keyPointers_, values, EngineLog(host, name())};
    }

    /// The plugin of this shared object. The C functions get no pointer to it before an instance exists, and one shared
    /// object is one plugin; written once, by the first drover_plugin().
    static inline const Plugin* self = nullptr;

private:
    static const char* orNull(const std::string& text) noexcept {
        return text.empty() ? nullptr : text.c_str();
    }

    static drover_config_key describe(const ConfigKey& key) noexcept {
        drover_config_key out{};
        out.struct_size = sizeof(out);
        out.type = static_cast<std::int32_t>(key.type);
        const auto flag = [](bool set, std::uint32_t bit) { return set ? bit : 0U; };
        out.flags =
            flag(key.required, DROVER_CONFIG_REQUIRED) | flag(key.secret, DROVER_CONFIG_SECRET) |
            flag(key.shared, DROVER_CONFIG_SHARED) | flag(key.reloadable, DROVER_CONFIG_RELOADABLE);
        out.minimum = key.minimum;
        out.maximum = key.maximum;
        out.name = key.name.c_str();
        out.default_value = orNull(key.defaultValue);
        out.description = key.description.c_str();
        return out;
    }

    static std::int32_t init(const drover_host_api* host,
                             const drover_config* values,
                             drover_sink error,
                             void* context) noexcept;
    static void shutdown() noexcept {
        try {
            self->builder_.shutdown_();
        } catch (...) {
            // The process ends; no caller is left to handle it.
        }
    }

    PluginBuilder builder_;
    std::vector<std::vector<const char*>> jobNames_;
    std::vector<drover_handler> handlers_;
    std::vector<const drover_handler*> handlerPointers_;
    std::vector<drover_config_key> keys_;
    std::vector<const drover_config_key*> keyPointers_;
    drover_plugin_descriptor descriptor_{};
};

/// Reports the exception being handled to the engine, as the reason of a refusal.
inline void refuseWithCurrent(drover_sink error, void* context) noexcept {
    try {
        const std::string trace = describeCurrent().trace;
        error(context, {trace.data(), trace.size()});
    } catch (...) {
        static constexpr std::string_view kOutOfMemory = "out of memory";
        error(context, {kOutOfMemory.data(), kOutOfMemory.size()});
    }
}

inline std::int32_t Plugin::init(const drover_host_api* host,
                                 const drover_config* values,
                                 drover_sink error,
                                 void* context) noexcept {
    try {
        self->builder_.init_(self->config(host, values));
        return 0;
    } catch (...) {
        refuseWithCurrent(error, context);
        return 1;
    }
}

/// One handler object of class T behind the C functions of its handler.
template <typename T>
class Instance {
public:
    static void* create(const drover_host_api* host,
                        const drover_config* values,
                        drover_sink error,
                        void* context) noexcept {
        try {
            return new Instance(host, Plugin::self->config(host, values));
        } catch (...) {
            refuseWithCurrent(error, context);
            return nullptr;
        }
    }

    static void destroy(void* instance) noexcept { delete static_cast<Instance*>(instance); }

    static void process(void* instance,
                        drover_call* call,
                        const drover_job* const* jobs,
                        std::uint32_t n) noexcept {
        auto& self = *static_cast<Instance*>(instance);
        try {
            self.wrap(call, jobs, n);
        } catch (...) {
            // No memory to even look at the jobs: they stay without outcome and are handed back.
            EngineLog(self.host_, Plugin::self->name())
                .error("out of memory before the jobs were begun");
            return;
        }
        if constexpr (std::derived_from<T, Handler>) {
            auto one = [&self](std::span<ActiveJob> span) {
                span.front().set(static_cast<Handler&>(*self.handler_).process(span.front()));
            };
            for (ActiveJob& job : self.jobs_) {
                runJobs(std::span<ActiveJob>(&job, 1), one);
            }
        } else {
            auto all = [&self](std::span<ActiveJob> span) {
                static_cast<BatchHandler&>(*self.handler_).process(span);
            };
            runJobs(std::span<ActiveJob>(self.jobs_), all);
        }
    }

    static void outcomeOf(void* instance, drover_call* call, const drover_job* job) noexcept {
        auto& self = *static_cast<Instance*>(instance);
        try {
            self.wrap(call, &job, 1);
            if (const std::optional<Outcome> known =
                    static_cast<HandlerBase&>(*self.handler_).outcomeOf(self.jobs_.front())) {
                self.jobs_.front().set(*known);
            }
        } catch (const Unavailable& error) {
            // The job's outcome cannot be looked up now: it is handed back and decided again.
            makeUnavailable(self.jobs_, error);
        } catch (...) {
            self.complain("outcomeOf");  // The effect stays unknown.
        }
    }

    static std::int64_t backoff(void* instance,
                                const drover_job* job,
                                std::int32_t attemptsMade,
                                drover_bytes type,
                                drover_bytes reason) noexcept {
        auto& self = *static_cast<Instance*>(instance);
        try {
            const auto wait = static_cast<HandlerBase&>(*self.handler_)
                                  .backoff(JobInfo(*job),
                                           attemptsMade,
                                           {type.data, type.size},
                                           {reason.data, reason.size});
            return wait ? wait->count() : -1;
        } catch (...) {
            self.complain("backoff");
            return 0;  // A defect here must not cost the job its remaining attempts.
        }
    }

    static void configure(void* instance, const drover_config* values) noexcept {
        auto& self = *static_cast<Instance*>(instance);
        try {
            static_cast<HandlerBase&>(*self.handler_)
                .configure(Plugin::self->config(self.host_, values));
        } catch (...) {
            self.complain("configure");
        }
    }

private:
    Instance(const drover_host_api* host, const Config& config)
        : host_(host), handler_(make(config)) {}

    static std::unique_ptr<T> make(const Config& config) {
        if constexpr (std::constructible_from<T, const Config&>) {
            return std::make_unique<T>(config);
        } else {
            static_assert(std::default_initializable<T>,
                          "a handler's constructor takes const drover::Config& or nothing");
            return std::make_unique<T>();
        }
    }

    /// Fills jobs_, whose memory stays: a batch allocates only when it is the largest so far.
    void wrap(drover_call* call, const drover_job* const* jobs, std::uint32_t n) {
        if (n > capacity_) {
            decided_ = std::make_unique<std::atomic<bool>[]>(n);
            capacity_ = n;
        }
        jobs_.clear();
        for (std::uint32_t i = 0; i < n; ++i) {
            decided_[i].store(false, std::memory_order_relaxed);
            jobs_.emplace_back(host_, call, Plugin::self->name(), *jobs[i], i, &decided_[i]);
        }
    }

    void complain(std::string_view operation) const noexcept {
        const EngineLog log(host_, Plugin::self->name());
        try {
            log.error(std::string(operation) + " threw " + describeCurrent().trace);
        } catch (...) {
            log.error(operation);
        }
    }

    const drover_host_api* host_;
    std::unique_ptr<T> handler_;
    std::vector<ActiveJob> jobs_;
    std::unique_ptr<std::atomic<bool>[]> decided_;
    std::uint32_t capacity_ = 0;
};

/// The C functions of T; those that T does not override are NULL. An override that is not public does not compile here:
/// a member's type names the class that it was found in, and asking for it needs access.
template <typename T>
drover_handler functionsOf() noexcept {
    drover_handler out{};
    out.struct_size = sizeof(out);
    out.create = &Instance<T>::create;
    out.destroy = &Instance<T>::destroy;
    out.process = &Instance<T>::process;
    if (!std::is_same_v<decltype(&T::outcomeOf), decltype(&HandlerBase::outcomeOf)>) {
        out.outcome_of = &Instance<T>::outcomeOf;
    }
    if (!std::is_same_v<decltype(&T::backoff), decltype(&HandlerBase::backoff)>) {
        out.backoff = &Instance<T>::backoff;
    }
    if (!std::is_same_v<decltype(&T::configure), decltype(&HandlerBase::configure)>) {
        out.configure = &Instance<T>::configure;
    }
    return out;
}

/// Builds the descriptor on the first call; NULL without memory for it.
template <typename Make>
const drover_plugin_descriptor* describePlugin(Make make) noexcept {
    try {
        static const Plugin& plugin = *new Plugin(make());
        Plugin::self = &plugin;
        return plugin.descriptor();
    } catch (...) {
        return nullptr;
    }
}

}  // namespace detail
#pragma GCC visibility pop
}  // namespace drover

/// Exports a handler plugin. The argument is a PluginBuilder; nothing runs before the engine reads the descriptor.
#define DROVER_PLUGIN(...)                                                                  \
    extern "C" DROVER_EXPORT const drover_plugin_descriptor* drover_plugin(void) noexcept;  \
    extern "C" DROVER_EXPORT const drover_plugin_descriptor* drover_plugin(void) noexcept { \
        return ::drover::detail::describePlugin(                                            \
            [] { return ::drover::PluginBuilder(__VA_ARGS__); });                           \
    }
