#pragma once

#include <chrono>

#include <Poco/Net/StreamSocketImpl.h>

#include "http/Connection.h"

namespace drover::api {

class ConnectionGate;

/// A connection for Poco's HTTPServerSession: a socket on which only complete, checked requests arrive.
///
/// Poco calls poll() for the next request, reads its head with receiveBytes() and writes the answer with sendBytes(). None
/// of them waits for a client: a connection with a slow client goes back to the gate. Only the next request of a client that
/// keeps its connection busy is awaited here, for kHotWait, since a change of threads costs more than a small request.
///
/// Threads: one at a time, Poco's connection thread.
class GuardedSocket : public Poco::Net::StreamSocketImpl {
public:
    static constexpr std::chrono::milliseconds kHotWait{10};

    /// Takes over a connection in phase Serving.
    GuardedSocket(ConnectionGate& gate, Connection& connection);

    /// Returns the request that is being served, complete; valid until the next poll().
    [[nodiscard]] const RequestReader& request() const { return connection_->reader; }
    [[nodiscard]] const Poco::Net::SocketAddress& peer() const { return connection_->peer; }
    /// Returns how long the request waited for a thread.
    [[nodiscard]] std::chrono::milliseconds waited() const;
    [[nodiscard]] bool draining() const;

    bool poll(const Poco::Timespan& timeout, int mode) override;
    int receiveBytes(void* buffer, int length, int flags) override;
    int sendBytes(const void* buffer, int length, int flags) override;
    void close() override;
    void shutdown() override;
    Poco::Net::SocketAddress address() override;
    Poco::Net::SocketAddress peerAddress() override;
    // The deadlines and options are the gate's; Poco's defaults would only cost system calls.
    void setReceiveTimeout(const Poco::Timespan& /*timeout*/) override {}
    void setSendTimeout(const Poco::Timespan& /*timeout*/) override {}
    void setRawOption(int /*level*/,
                      int /*option*/,
                      const void* /*value*/,
                      poco_socklen_t /*length*/) override {}

protected:
    ~GuardedSocket() override;

private:
    bool nextRequest();
    void giveBack(bool keep);

    ConnectionGate& gate_;
    Connection* connection_;  ///< nullptr once it went back to the gate.
    const Poco::Net::SocketAddress peer_;
    bool first_ = true;
    bool broken_ = false;     ///< Nothing can be sent any more.
    std::size_t served_ = 0;  ///< Bytes of the request that Poco has read.
};

}  // namespace drover::api
