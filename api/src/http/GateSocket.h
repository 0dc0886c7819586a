#pragma once

#include <Poco/Net/ServerSocketImpl.h>

#include "http/ConnectionGate.h"

namespace drover::api {

/// The gate as Poco's TCPServer sees it: a listening socket. Poco's thread runs the gate by polling it, and accepts a
/// connection for each request that needs a thread.
class GateSocket : public Poco::Net::ServerSocketImpl {
public:
    explicit GateSocket(ConnectionGate& gate) : gate_(gate) {}

    bool poll(const Poco::Timespan& timeout, int mode) override;
    Poco::Net::SocketImpl* acceptConnection(Poco::Net::SocketAddress& clientAddress) override;
    Poco::Net::SocketAddress address() override { return gate_.address(); }

protected:
    ~GateSocket() override = default;

private:
    ConnectionGate& gate_;
};

}  // namespace drover::api
