#pragma once

#include <cstddef>

#include <Poco/Logger.h>

#include "http/Connection.h"

namespace drover::api {

/// Writes a line for each request.
class AccessLog {
public:
    /// The status of a request whose client left before the answer, as nginx has it.
    static constexpr int kClientLeft = 499;

    explicit AccessLog(Poco::Logger& logger) : logger_(logger) {}

    /// Writes the line of the connection's present request; without one that of bytes that were refused.
    void write(const Connection& connection, int status, std::size_t bytes);

private:
    Poco::Logger& logger_;
};

}  // namespace drover::api
