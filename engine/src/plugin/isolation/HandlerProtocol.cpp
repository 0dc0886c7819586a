#include "plugin/isolation/HandlerProtocol.h"

#include <cerrno>
#include <cstring>
#include <sys/socket.h>
#include <sys/time.h>

#include "drover/Exceptions.h"

namespace drover::wire {

namespace {

constexpr std::size_t kLengthSize = sizeof(std::uint32_t);
constexpr std::size_t kHeader = kLengthSize + sizeof(Message);

/// The fields of a job that a handler can see, for both directions.
template <typename Archive, typename Job>
void visitJob(Archive& archive, Job& job) {
    archive(job.id, job.queue, job.name, job.data, job.opts, job.progress);
    archive(job.timestampMs, job.delayMs, job.processedOnMs, job.priority);
    archive(job.attemptsMade, job.attemptsStarted, job.stalledCount);
    archive(job.parentKey, job.parent, job.scheduler, job.deduplicationId);
    archive(job.token, job.stacktrace, job.failedReason);
}

void setTimeout(int socket, int option, std::chrono::milliseconds timeout) {
    timeval value{};
    value.tv_sec = timeout.count() / 1000;
    value.tv_usec = timeout.count() % 1000 * 1000;
    ::setsockopt(socket, SOL_SOCKET, option, &value, sizeof(value));
}

std::uint32_t sizeOf(std::size_t count) {
    return static_cast<std::uint32_t>(count);  // frame() refuses a longer body.
}

}  // namespace

Encoder::Encoder(Message message) {
    frame_.append(kLengthSize, '\0');
    put(message);
}

std::string Encoder::frame() && {
    const std::size_t length = frame_.size() - kHeader;
    if (length > kMaxBody) {
        throw PluginException("a message of " + std::to_string(length) +
                              " bytes for a handler process, the longest has " +
                              std::to_string(kMaxBody));
    }
    const std::uint32_t stored = sizeOf(length);
    std::memcpy(frame_.data(), &stored, sizeof(stored));
    return std::move(frame_);
}

void Encoder::put(const std::string& text) {
    put(sizeOf(text.size()));
    frame_ += text;
}

void Encoder::put(const std::optional<std::int64_t>& number) {
    put(static_cast<std::uint8_t>(number ? 1 : 0));
    if (number) {
        put(*number);
    }
}

void Encoder::put(const Config& config) {
    put(sizeOf(config.size()));
    for (const auto& [key, value] : config) {
        put(key);
        put(value);
    }
}

void Encoder::put(const ClaimedJob& job) {
    visitJob(*this, job);
}

void Encoder::put(std::span<RunningJob* const> jobs) {
    put(sizeOf(jobs.size()));
    for (const RunningJob* job : jobs) {
        put(job->job());
    }
}

void Decoder::end() const {
    if (!rest_.empty()) {
        throw PluginException("a message with " + std::to_string(rest_.size()) + " bytes too many");
    }
}

std::string_view Decoder::pop(std::size_t size) {
    if (size > rest_.size()) {
        throw PluginException("a message that ends too early");
    }
    const std::string_view popped = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return popped;
}

void Decoder::get(bool& flag) {
    flag = pop(1).front() != '\0';
}

void Decoder::get(std::string& text) {
    std::uint32_t size = 0;
    get(size);
    text = pop(size);
}

void Decoder::get(std::optional<std::int64_t>& number) {
    bool there = false;
    get(there);
    if (there) {
        get(number.emplace());
    }
}

void Decoder::get(Config& config) {
    std::uint32_t count = 0;
    for (get(count); count > 0; --count) {
        auto& [key, value] = config.emplace_back();
        get(key);
        get(value);
    }
}

void Decoder::get(ClaimedJob& job) {
    visitJob(*this, job);
}

void Decoder::get(std::vector<ClaimedJob>& jobs) {
    std::uint32_t count = 0;
    for (get(count); count > 0; --count) {
        get(jobs.emplace_back());
    }
}

Frame Frame::parse(std::string_view bytes) {
    if (bytes.size() < kHeader) {
        throw PluginException("a message without a head");
    }
    return {static_cast<Message>(bytes[kLengthSize]), std::string(bytes.substr(kHeader))};
}

void Frame::expect(Message wanted) const {
    if (message != wanted) {
        throw PluginException("message " + std::to_string(static_cast<int>(message)) +
                              " in place of message " + std::to_string(static_cast<int>(wanted)));
    }
}

Channel::Channel(Descriptor socket,
                 std::chrono::milliseconds tick,
                 std::chrono::milliseconds sendTimeout)
    : socket_(std::move(socket)) {
    setTimeout(socket_.get(), SO_RCVTIMEO, tick);
    setTimeout(socket_.get(), SO_SNDTIMEO, sendTimeout);
}

bool Channel::send(std::string_view frame) {
    const std::lock_guard lock(sending_);
    while (!frame.empty()) {
        const ssize_t sent = ::send(socket_.get(), frame.data(), frame.size(), MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR) {
            continue;
        }
        if (sent < 0) {
            return false;
        }
        frame.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
}

Channel::Received Channel::receive(Frame& frame) {
    while (true) {
        const std::size_t have = buffer_.size() - read_;
        if (have >= kHeader) {
            std::uint32_t length = 0;
            std::memcpy(&length, buffer_.data() + read_, sizeof(length));
            if (length > kMaxBody) {
                throw PluginException("a message of " + std::to_string(length) + " bytes");
            }
            if (have >= kHeader + length) {
                frame.message = static_cast<Message>(buffer_[read_ + kLengthSize]);
                frame.body.assign(buffer_, read_ + kHeader, length);
                read_ += kHeader + length;
                return Received::Frame;
            }
        }
        buffer_.erase(0, read_);
        read_ = 0;
        const ssize_t got = ::recv(socket_.get(), arrived_.data(), arrived_.size(), 0);
        if (got > 0) {
            buffer_.append(arrived_.data(), static_cast<std::size_t>(got));
        } else if (got < 0 && errno == EAGAIN) {
            return Received::Nothing;
        } else if (got == 0 || errno != EINTR) {
            return Received::Closed;
        }
    }
}

}  // namespace drover::wire
