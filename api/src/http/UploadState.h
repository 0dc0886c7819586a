#pragma once

#include <cstddef>
#include <functional>
#include <mutex>
#include <string>

#include "drover/Upload.h"

namespace drover::api {

/// The bytes of one open body that its handler has not read, shared by the upload and its connection.
/// Threads: any.
class UploadState {
public:
    /// Bytes that are here when the body breaks: read before the failure, or thrown away.
    enum class Rest { IsRead, IsDropped };

    explicit UploadState(std::size_t capBytes) : cap_(capBytes) {}

    /// Returns true if the connection should receive. While it returns false for want of room, read() reports when there
    /// is room again.
    [[nodiscard]] bool wantsBytes();
    void append(std::string bytes);
    /// The body is complete.
    void end();
    /// The body is broken, unless it has ended or is broken by then.
    void fail(Upload::Problem problem, Rest rest);

    /// See Upload. Sets `hasRoom` if the connection has stopped for want of room and should go on.
    Upload::Arrival read(std::string& bytes, bool& hasRoom);
    [[nodiscard]] Upload::Problem problem() const;
    void whenReadable(std::function<void()> callback);

private:
    enum class End { Open, Whole, Broken };

    [[nodiscard]] bool readable() const { return !bytes_.empty() || end_ != End::Open; }
    void changed(std::unique_lock<std::mutex> lock);

    const std::size_t cap_;
    mutable std::mutex mutex_;
    std::string bytes_;
    End end_ = End::Open;
    Upload::Problem problem_;
    bool paused_ = false;  ///< The connection waits for room.
    std::function<void()> callback_;
};

}  // namespace drover::api
