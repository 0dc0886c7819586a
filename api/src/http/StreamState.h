#pragma once

#include <cstddef>
#include <functional>
#include <mutex>
#include <utility>

namespace drover::api {

/// The bytes of one event stream that its client has not read, shared by the stream and its connection.
/// Threads: any.
class StreamState {
public:
    enum class Admission { Yes, Full, Closed };

    explicit StreamState(std::size_t capBytes) : cap_(capBytes) {}

    /// Counts `bytes` that are about to be sent. A piece larger than the cap passes if nothing waits before it.
    [[nodiscard]] Admission admit(std::size_t bytes);
    /// Counts `bytes` that are sent in any case: the head of the stream and its comments.
    void count(std::size_t bytes);
    /// The kernel has accepted `bytes` of those counted.
    void sent(std::size_t bytes);
    void close();
    [[nodiscard]] bool open() const;
    void whenWritable(std::function<void()> callback);

private:
    /// Returns true if a piece as large as the last one that found no room would be admitted.
    [[nodiscard]] bool writable() const {
        return closed_ || waiting_ == 0 || (waiting_ <= cap_ / 2 && waiting_ + refused_ <= cap_);
    }

    const std::size_t cap_;
    mutable std::mutex mutex_;
    std::size_t waiting_ = 0;
    std::size_t refused_ = 0;  ///< Bytes of the last piece that found no room.
    bool closed_ = false;
    std::function<void()> callback_;
};

}  // namespace drover::api
