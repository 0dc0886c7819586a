#include <algorithm>
#include <array>
#include <cmath>
#include <iterator>
#include <random>

#include "drover/Trace.h"

namespace drover {

namespace {

/// A generator of ids: xoshiro256**, by Blackman and Vigna. Many threads draw from their own, so its state must be too large
/// for two of them to meet.
class IdGenerator {
public:
    IdGenerator() {
        std::random_device device;
        for (std::uint64_t& word : words_) {
            word = static_cast<std::uint64_t>(device()) << 32U | device();
        }
    }

    /// Returns a number other than 0.
    std::uint64_t next() {
        std::uint64_t id = 0;
        while (id == 0) {
            id = rotated(words_[1] * 5, 7) * 9;
            const std::uint64_t shifted = words_[1] << 17U;
            words_[2] ^= words_[0];
            words_[3] ^= words_[1];
            words_[1] ^= words_[2];
            words_[0] ^= words_[3];
            words_[2] ^= shifted;
            words_[3] = rotated(words_[3], 45);
        }
        return id;
    }

private:
    static std::uint64_t rotated(std::uint64_t word, unsigned by) {
        return word << by | word >> (64U - by);
    }

    std::array<std::uint64_t, 4> words_{};
};

IdGenerator& ids() {
    static thread_local IdGenerator perThread;
    return perThread;
}

constexpr double kIds = 9223372036854775808.0;  // 2^63: trace ids without their last bit.

std::string cut(std::string text) {
    if (text.size() > SpanAttributes::kMostBytes) {
        std::size_t end = SpanAttributes::kMostBytes;
        while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0U) == 0x80U) {
            --end;
        }
        text.resize(end);
    }
    return text;
}

}  // namespace

void SpanAttributes::set(std::string_view name, SpanValue value) {
    if (all_.size() == kMost) {
        ++dropped_;
        return;
    }
    if (auto* const text = std::get_if<std::string>(&value)) {
        *text = cut(std::move(*text));
    } else if (auto* const texts = std::get_if<std::vector<std::string>>(&value)) {
        texts->resize(std::min(texts->size(), kMost));
        for (std::string& one : *texts) {
            one = cut(std::move(one));
        }
    }
    all_.emplace_back(name, std::move(value));
}

void Span::fail(std::string_view why) {
    failed = true;
    failure = cut(std::string(why));
}

Tracer::Tracer(const Settings& settings)
    : settings_(settings),
      threshold_(settings.ratio >= 1
                     ? std::uint64_t{1} << 63U
                     : static_cast<std::uint64_t>(std::max(settings.ratio, 0.0) * kIds)) {}

SpanStart Tracer::start(const TraceContext& parent) const {
    SpanStart started = start(parent, 0);
    if (started.context.sampled) {
        started.beganNs = nowNs();
    }
    return started;
}

SpanStart Tracer::start(const TraceContext& parent, std::int64_t beganNs) const {
    IdGenerator& generator = ids();
    SpanStart started;
    TraceContext& context = started.context;
    context.spanId = generator.next();
    if (parent.isSet()) {
        context.traceHigh = parent.traceHigh;
        context.traceLow = parent.traceLow;
        context.state = parent.state;
        started.parentId = parent.spanId;
    } else {
        context.traceHigh = generator.next();
        context.traceLow = generator.next();
    }
    context.sampled = settings_.followsParent && parent.isSet()
                          ? parent.sampled
                          : context.traceLow >> 1U < threshold_;
    started.beganNs = beganNs;
    return started;
}

std::string Tracer::metadataOf(const SpanStart& start) const {
    return start.context.sampled || settings_.passUnsampled ? start.context.metadata()
                                                            : std::string();
}

void Tracer::record(Span span) {
    bool wakes = false;
    {
        const std::lock_guard lock(mutex_);
        if (queued_.size() >= settings_.maxQueued) {
            ++dropped_;
            return;
        }
        queued_.push_back(std::move(span));
        wakes = queued_.size() == settings_.wakeAt;
    }
    ++recorded_;
    if (wakes) {
        changed_.notify_all();
    }
}

std::vector<Span> Tracer::pop(std::size_t most, std::chrono::milliseconds wait) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, wait, [this] { return woken_ || queued_.size() >= settings_.wakeAt; });
    std::vector<Span> popped;
    if (queued_.size() <= most) {
        popped.swap(queued_);
        return popped;
    }
    const auto end = queued_.begin() + static_cast<std::ptrdiff_t>(most);
    popped.assign(std::make_move_iterator(queued_.begin()), std::make_move_iterator(end));
    queued_.erase(queued_.begin(), end);
    return popped;
}

void Tracer::wake() {
    {
        const std::lock_guard lock(mutex_);
        woken_ = true;
    }
    changed_.notify_all();
}

std::size_t Tracer::queued() const {
    const std::lock_guard lock(mutex_);
    return queued_.size();
}

std::int64_t Tracer::nowNs() {
    return std::chrono::duration_cast<std::chrono::nanoseconds>(
               std::chrono::system_clock::now().time_since_epoch())
        .count();
}

}  // namespace drover
