#pragma once

#include "redis/Transport.h"

namespace drover {

/// Bytes as they are, over TCP or a Unix socket.
class PlainTransport : public Transport {
public:
    explicit PlainTransport(int fd) : fd_(fd) {}

    std::size_t send(const char* bytes, std::size_t count) override;
    std::size_t receive(char* buffer, std::size_t size) override;
    bool hasInput() override;

private:
    int fd_;
};

}  // namespace drover
