#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <Poco/Exception.h>
#include <Poco/Net/NetException.h>
#include <Poco/Net/ServerSocket.h>
#include <Poco/Net/SocketAddress.h>
#include <Poco/Net/StreamSocket.h>
#include <Poco/Timespan.h>
#include <cppunit/TestFixture.h>
#include <cppunit/extensions/HelperMacros.h>

#include "support/Assert.h"
#include "support/TcpProxy.h"

using namespace drover::test;
using Kind = NetworkFault::Kind;
using Poco::Net::SocketAddress;
using Poco::Net::StreamSocket;
using std::chrono::milliseconds;

/// The faults of the proxy, each way, between two sockets of the test's own.
class TcpProxyTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(TcpProxyTest);
    CPPUNIT_TEST(withoutFaultBytesPassBothWays);
    CPPUNIT_TEST(dropLosesOnePieceAndPassesTheNext);
    CPPUNIT_TEST(delayHoldsEveryPieceBack);
    CPPUNIT_TEST(cutResetsTheConnection);
    CPPUNIT_TEST(duplicateSendsAPieceTwice);
    CPPUNIT_TEST(corruptChangesTheFirstByte);
    CPPUNIT_TEST(dribblePassesPortions);
    CPPUNIT_TEST(blackHoleHoldsBackUntilHealed);
    CPPUNIT_TEST(theSameSeedDropsTheSamePieces);
    CPPUNIT_TEST(refusedConnectionsAreReset);
    CPPUNIT_TEST(afterAMoveNewConnectionsReachTheOtherServer);
    CPPUNIT_TEST_SUITE_END();

public:
    void setUp() override { open(1); }
    void tearDown() override { close(); }

    void withoutFaultBytesPassBothWays() {
        for (const Way way : kWays) {
            send(way, "hello");
            assertEqual("hello", receive(way, 5));
        }
        CPPUNIT_ASSERT_EQUAL(std::uint64_t{0}, proxy_->touched());
    }

    void dropLosesOnePieceAndPassesTheNext() {
        for (const Way way : kWays) {
            inject(Kind::Drop, way);
            send(way, "lost");
            waitTouched(1);
            proxy_->heal();
            send(way, "next");
            assertEqual("next", receive(way, 4));
        }
    }

    void delayHoldsEveryPieceBack() {
        for (const Way way : kWays) {
            NetworkFault fault;
            fault.kind = Kind::Delay;
            fault.way = way;
            fault.delay = milliseconds(120);
            proxy_->inject(fault);
            const auto began = std::chrono::steady_clock::now();
            send(way, "late");
            assertEqual("late", receive(way, 4));
            CPPUNIT_ASSERT(std::chrono::steady_clock::now() - began >= milliseconds(120));
            proxy_->heal();
        }
    }

    void cutResetsTheConnection() {
        for (const Way way : kWays) {
            inject(Kind::Cut, way);
            send(way, "cut here");
            CPPUNIT_ASSERT_THROW(client_.receiveBytes(buffer_, sizeof(buffer_)),
                                 Poco::Net::ConnectionResetException);
            close();
            open(1);
        }
    }

    void duplicateSendsAPieceTwice() {
        for (const Way way : kWays) {
            inject(Kind::Duplicate, way);
            send(way, "twice ");
            assertEqual("twice twice ", receive(way, 12));
            proxy_->heal();
        }
    }

    void corruptChangesTheFirstByte() {
        for (const Way way : kWays) {
            inject(Kind::Corrupt, way);
            send(way, "+OK\r\n");
            assertEqual("\xFFOK\r\n", receive(way, 5));
            proxy_->heal();
        }
    }

    void dribblePassesPortions() {
        for (const Way way : kWays) {
            NetworkFault fault;
            fault.kind = Kind::Dribble;
            fault.way = way;
            fault.bytes = 3;
            fault.delay = milliseconds(30);
            proxy_->inject(fault);
            const auto began = std::chrono::steady_clock::now();
            send(way, "0123456789");
            assertEqual("0123456789", receive(way, 10));
            // Four portions, three gaps.
            CPPUNIT_ASSERT(std::chrono::steady_clock::now() - began >= milliseconds(90));
            proxy_->heal();
        }
    }

    void blackHoleHoldsBackUntilHealed() {
        for (const Way way : kWays) {
            inject(Kind::BlackHole, way);
            send(way, "held");
            CPPUNIT_ASSERT(!readable(way, milliseconds(150)));
            // The other way is open.
            const Way other = way == Way::ToServer ? Way::ToClient : Way::ToServer;
            send(other, "open");
            assertEqual("open", receive(other, 4));
            proxy_->heal();
            assertEqual("held", receive(way, 4));
        }
    }

    void theSameSeedDropsTheSamePieces() {
        std::vector<std::string> runs;
        for (const std::uint64_t seed : {7, 7, 8}) {
            close();
            open(seed);
            NetworkFault fault;
            fault.kind = Kind::Duplicate;
            fault.rate = 0.5;
            proxy_->inject(fault);
            std::string seen;
            for (char c = 'a'; c <= 'z'; ++c) {
                const std::uint64_t before = proxy_->touched();
                send(Way::ToServer, std::string(1, c));
                seen += receive(Way::ToServer, 1);
                // The copy was queued with the piece, and touched() counted before.
                if (proxy_->touched() > before) {
                    seen += receive(Way::ToServer, 1);
                }
            }
            runs.push_back(seen);
        }
        CPPUNIT_ASSERT_EQUAL(runs[0], runs[1]);
        CPPUNIT_ASSERT(runs[0] != runs[2]);
        CPPUNIT_ASSERT(runs[0].size() > 26);
    }

    void refusedConnectionsAreReset() {
        proxy_->refuse();
        // By connect() or by the first read, whichever the reset reaches first.
        const auto talk = [this] {
            StreamSocket another;
            another.connect(address(), Poco::Timespan(5, 0));
            another.setReceiveTimeout(Poco::Timespan(5, 0));
            another.receiveBytes(buffer_, sizeof(buffer_));
        };
        CPPUNIT_ASSERT_THROW(talk(), Poco::Net::ConnectionResetException);
        // Open connections stay open.
        send(Way::ToServer, "still");
        assertEqual("still", receive(Way::ToServer, 5));
    }

    void afterAMoveNewConnectionsReachTheOtherServer() {
        Poco::Net::ServerSocket other(SocketAddress("127.0.0.1", 0));
        proxy_->moveTo(other.address().port());
        StreamSocket later;
        later.connect(address(), Poco::Timespan(5, 0));
        later.sendBytes("new", 3);
        CPPUNIT_ASSERT(other.poll(Poco::Timespan(5, 0), Poco::Net::Socket::SELECT_READ));
        StreamSocket reached = other.acceptConnection();
        reached.setReceiveTimeout(Poco::Timespan(5, 0));
        CPPUNIT_ASSERT_EQUAL(3, reached.receiveBytes(buffer_, 3));
        assertEqual("new", std::string(buffer_, 3));
        // Open connections stay where they are.
        send(Way::ToServer, "still");
        assertEqual("still", receive(Way::ToServer, 5));
    }

private:
    static constexpr Way kWays[] = {Way::ToServer, Way::ToClient};

    [[nodiscard]] SocketAddress address() const {
        return {"127.0.0.1", static_cast<Poco::UInt16>(proxy_->port())};
    }
    void open(std::uint64_t seed) {
        Poco::Net::ServerSocket listener(SocketAddress("127.0.0.1", 0));
        proxy_ = std::make_unique<TcpProxy>(listener.address().port(), 0, seed);
        client_ = StreamSocket();
        client_.connect(address(), Poco::Timespan(5, 0));
        server_ = listener.acceptConnection();
        for (StreamSocket* socket : {&client_, &server_}) {
            socket->setReceiveTimeout(Poco::Timespan(10, 0));
            socket->setNoDelay(true);
        }
    }
    void close() {
        client_.close();
        server_.close();
        proxy_.reset();
    }
    void inject(Kind kind, Way way) {
        NetworkFault fault;
        fault.kind = kind;
        fault.way = way;
        proxy_->inject(fault);
    }
    void send(Way way, const std::string& bytes) {
        (way == Way::ToServer ? client_ : server_)
            .sendBytes(bytes.data(), static_cast<int>(bytes.size()));
    }
    std::string receive(Way way, std::size_t count) {
        std::string bytes;
        while (bytes.size() < count) {
            const int n = (way == Way::ToServer ? server_ : client_)
                              .receiveBytes(buffer_, static_cast<int>(count - bytes.size()));
            CPPUNIT_ASSERT(n > 0);
            bytes.append(buffer_, static_cast<std::size_t>(n));
        }
        return bytes;
    }
    bool readable(Way way, milliseconds within) {
        return (way == Way::ToServer ? server_ : client_)
            .poll(Poco::Timespan(within.count() * 1000), Poco::Net::Socket::SELECT_READ);
    }
    void waitTouched(std::uint64_t count) {
        const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
        const std::uint64_t before = touchedBefore_;
        while (proxy_->touched() < before + count) {
            CPPUNIT_ASSERT(std::chrono::steady_clock::now() < deadline);
            std::this_thread::sleep_for(milliseconds(2));
        }
        touchedBefore_ = proxy_->touched();
    }

    std::unique_ptr<TcpProxy> proxy_;
    std::uint64_t touchedBefore_ = 0;
    StreamSocket client_;
    StreamSocket server_;
    char buffer_[256] = {};
};

CPPUNIT_TEST_SUITE_REGISTRATION(TcpProxyTest);
