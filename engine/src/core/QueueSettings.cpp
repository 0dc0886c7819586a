#include "core/QueueSettings.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <utility>

#include <Poco/Exception.h>

#include "drover/Json.h"

namespace drover {

namespace {

constexpr std::array<std::pair<const char*, Bullmq5>, 3> kBullmq5 = {
    {{"on", Bullmq5::On}, {"auto", Bullmq5::Auto}, {"off", Bullmq5::Off}}};

// One overload of each for every type of a setting.

std::string write(bool value) {
    return value ? "true" : "false";
}
std::string write(int value) {
    return std::to_string(value);
}
std::string write(std::int64_t value) {
    return std::to_string(value);
}
template <typename Rep, typename Period>
std::string write(std::chrono::duration<Rep, Period> value) {
    return std::to_string(value.count());
}
std::string write(const std::string& value) {
    return value;
}
std::string write(Bullmq5 value) {
    return std::find_if(kBullmq5.begin(),
                        kBullmq5.end(),
                        [value](const auto& one) { return one.second == value; })
        ->first;
}
std::string write(const KeepJobs& value) {
    JobOptions options;
    options.removeOnComplete = value;
    const std::string json = options.toPublicJson();
    return std::string(JsonView::parse(json)["removeOnComplete"].text());
}

void read(const std::string& text, bool& value) {
    if (text != "true" && text != "false") {
        throw Poco::InvalidArgumentException("expected true or false, not " + text);
    }
    value = text == "true";
}
void read(const std::string& text, int& value) {
    value = std::stoi(text);
}
void read(const std::string& text, std::int64_t& value) {
    value = std::stoll(text);
}
template <typename Rep, typename Period>
void read(const std::string& text, std::chrono::duration<Rep, Period>& value) {
    value = std::chrono::duration<Rep, Period>(std::stoll(text));
}
void read(const std::string& text, std::string& value) {
    value = text;
}
void read(const std::string& text, Bullmq5& value) {
    const auto found = std::find_if(
        kBullmq5.begin(), kBullmq5.end(), [&text](const auto& one) { return one.first == text; });
    if (found == kBullmq5.end()) {
        throw Poco::InvalidArgumentException("bullmq5 is on, auto or off, not " + text);
    }
    value = found->second;
}
void read(const std::string& text, KeepJobs& value) {
    if (std::string error = keepJobsError(text); !error.empty()) {
        throw Poco::InvalidArgumentException(error);
    }
    value = JobOptions::parse("{\"removeOnComplete\":" + text + "}")
                .removeOnComplete.value_or(KeepJobs());
}

}  // namespace

std::vector<std::string> QueueSetting::choices() const {
    std::vector<std::string> words;
    if (std::holds_alternative<Bullmq5 QueueSettings::*>(member)) {
        for (const auto& [word, value] : kBullmq5) {
            words.emplace_back(word);
        }
    }
    return words;
}

std::string QueueSetting::text(const QueueSettings& settings) const {
    return std::visit([&](auto one) { return write(settings.*one); }, member);
}

void QueueSetting::set(QueueSettings& settings, const std::string& text) const {
    std::visit([&](auto one) { read(text, settings.*one); }, member);
}

void QueueSetting::copy(const QueueSettings& from, QueueSettings& to) const {
    std::visit([&](auto one) { to.*one = from.*one; }, member);
}

std::string keepJobsError(std::string_view json) {
    constexpr const char* kForms =
        "expected true, false, a count, or an object with age, count and limit";
    try {
        // One value by itself: the options of a job would read "1,\"lifo\":true" as two.
        const JsonView value = JsonView::parse(json);
        if (!value.boolean() && !value.isNumber() && !value.isObject()) {
            return kForms;
        }
        (void)JobOptions::parse("{\"removeOnComplete\":" + std::string(json) + "}");
        return "";
    } catch (const Poco::Exception& error) {
        return std::string(kForms) + ": " + error.message();
    } catch (const JsonException&) {
        return kForms;
    }
}

const QueueSetting* findQueueSetting(std::string_view name) {
    const auto* const found = std::find_if(
        std::begin(kQueueSettings), std::end(kQueueSettings), [name](const QueueSetting& one) {
            return one.name == name;
        });
    return found == std::end(kQueueSettings) ? nullptr : found;
}

bool isWorkerSetting(std::string_view name) {
    const QueueSetting* const setting = findQueueSetting(name);
    return setting != nullptr && setting->scope == QueueSetting::Scope::Worker;
}

QueueSettings shardOf(const QueueSettings& queue, int shard) {
    QueueSettings one = queue;
    if (queue.shards <= 1) {
        return one;
    }
    one.name = Shards::nameOf(queue.name, shard);
    one.shards = 1;
    one.shardBy.clear();
    for (const QueueSetting& setting : kQueueSettings) {
        if (!setting.divided) {
            continue;
        }
        const std::int64_t whole = std::stoll(setting.text(queue));
        setting.set(one, std::to_string(shardsOf(queue).partOf(whole, shard)));
    }
    return one;
}

QueueSettings reloaded(const QueueSettings& inForce, const QueueSettings& wanted) {
    QueueSettings settings = inForce;
    for (const QueueSetting& setting : kQueueSettings) {
        if (setting.reloadable) {
            setting.copy(wanted, settings);
        }
    }
    return settings;
}

}  // namespace drover
