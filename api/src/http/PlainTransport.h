#pragma once

#include "http/Transport.h"

namespace drover::api {

/// Bytes as they are.
class PlainTransport : public Transport {
public:
    explicit PlainTransport(int fd) : fd_(fd) {}

    [[nodiscard]] Transfer receive(char* buffer, std::size_t size) override;
    [[nodiscard]] Transfer send(std::string_view bytes) override;
    [[nodiscard]] bool sendEnd() override { return true; }

private:
    const int fd_;
};

}  // namespace drover::api
