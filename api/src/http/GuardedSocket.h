#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <utility>

#include <Poco/Net/StreamSocketImpl.h>

#include "http/PoolRequest.h"

namespace drover::api {

/// A connection for Poco's HTTPServerSession: a socket from which exactly one request can be read, one that is here.
///
/// Poco reads its head with receiveBytes() and calls the request's handler, which answers through the PoolRequest. Nothing
/// that Poco sends reaches a client, and Poco never waits for one: every connection belongs to the ConnectionGate.
///
/// Threads: one at a time, Poco's connection thread.
class GuardedSocket : public Poco::Net::StreamSocketImpl {
public:
    /// Poco serves only a socket that has a descriptor; `fd` is the gate's, and is neither used nor closed.
    GuardedSocket(std::unique_ptr<PoolRequest> request,
                  int fd,
                  const Poco::Net::SocketAddress& local);

    /// Returns the request, once: its end must not wait for that of Poco's last copy of the socket.
    [[nodiscard]] std::unique_ptr<PoolRequest> popRequest() { return std::move(request_); }

    bool poll(const Poco::Timespan& timeout, int mode) override;
    int receiveBytes(void* buffer, int length, int flags) override;
    int sendBytes(const void* buffer, int length, int flags) override;
    void close() override {}
    void shutdown() override {}
    Poco::Net::SocketAddress address() override { return local_; }
    Poco::Net::SocketAddress peerAddress() override { return peer_; }
    // The deadlines and options are the gate's.
    void setReceiveTimeout(const Poco::Timespan& /*timeout*/) override {}
    void setSendTimeout(const Poco::Timespan& /*timeout*/) override {}
    void setRawOption(int /*level*/,
                      int /*option*/,
                      const void* /*value*/,
                      poco_socklen_t /*length*/) override {}

protected:
    ~GuardedSocket() override;

private:
    std::unique_ptr<PoolRequest> request_;
    const Poco::Net::SocketAddress local_;
    const Poco::Net::SocketAddress peer_;
    const std::string head_;
    std::size_t read_ = 0;
};

}  // namespace drover::api
