#include "drover/Shards.h"

#include <algorithm>
#include <charconv>

#include "core/HashSlot.h"
#include "drover/Json.h"
#include "drover/Queue.h"

namespace drover {

namespace {

constexpr std::string_view kOpen = "-{";

/// Returns the text of a member of the data that decides; std::nullopt: there is none.
std::optional<std::string> decider(std::string_view data, const std::string& member) {
    const auto json = JsonView::tryParse(data);
    const auto value = json && json->isObject() ? json->member(member) : std::nullopt;
    if (!value || value->isNull()) {
        return std::nullopt;
    }
    return value->isString() ? value->string() : std::string(value->text());
}

}  // namespace

std::string Shards::nameOf(const std::string& queue, int shard) {
    return queue + std::string(kOpen) + std::to_string(shard) + '}';
}

std::optional<int> Shards::numberOf(std::string_view queue) {
    const std::size_t open = queue.rfind(kOpen);
    if (open == std::string_view::npos || open == 0 || queue.back() != '}') {
        return std::nullopt;
    }
    const std::string_view digits =
        queue.substr(open + kOpen.size(), queue.size() - open - kOpen.size() - 1);
    int number = 0;
    std::from_chars(digits.data(), digits.data() + digits.size(), number);
    // Another way to write the number is another name.
    return number >= 0 && number < kMost && digits == std::to_string(number) ? std::optional(number)
                                                                             : std::nullopt;
}

std::int64_t Shards::partOf(std::int64_t whole, int shard) const {
    const std::int64_t part = whole / count + (shard < whole % count ? 1 : 0);
    return whole == 0 ? 0 : std::max<std::int64_t>(part, 1);
}

std::vector<std::string> Shards::namesOf(const std::string& queue) const {
    if (count <= 1) {
        return {queue};
    }
    std::vector<std::string> names;
    for (int shard = 0; shard < count; ++shard) {
        names.push_back(nameOf(queue, shard));
    }
    return names;
}

std::string Shards::problemOf(const std::string& queue) const {
    return count <= 1 ? ""
                      : "the queue " + queue + " has shards: name the one that is meant, from " +
                            nameOf(queue, 0) + " to " + nameOf(queue, count - 1);
}

std::string Shards::nameFor(const std::string& queue, std::string_view text) const {
    return count <= 1 ? queue : nameOf(queue, shardOf(text));
}

int Shards::shardOf(std::string_view text) const {
    return hashSlot(text) % count;
}

std::optional<int> Shards::shardOf(const NewJob& job, std::string_view parentQueue) const {
    if (parentQueue.empty() && job.opts.parent) {
        parentQueue = job.opts.parent->queue;
    }
    if (const auto number = numberOf(parentQueue); number && *number < count) {
        return number;
    }
    if (!by.empty()) {
        if (const auto text = decider(job.data, by)) {
            return shardOf(*text);
        }
    }
    if (job.opts.deduplication) {
        return shardOf(job.opts.deduplication->id);
    }
    return job.opts.jobId ? std::optional(shardOf(*job.opts.jobId)) : std::nullopt;
}

}  // namespace drover
