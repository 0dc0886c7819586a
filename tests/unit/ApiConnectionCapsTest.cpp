#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <Poco/Net/SocketAddress.h>
#include <cppunit/TestFixture.h>
#include <cppunit/extensions/HelperMacros.h>

#include "http/ConnectionCaps.h"

using drover::api::Connection;
using drover::api::ConnectionCaps;
using Phase = drover::api::Connection::Phase;
using Place = drover::api::ConnectionCaps::Place;

/// The places of connections, altogether and by address.
class ApiConnectionCapsTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(ApiConnectionCapsTest);
    CPPUNIT_TEST(theLongestWaitingConnectionGivesWay);
    CPPUNIT_TEST(aConnectionThatHasNotWaitedLongEnoughStays);
    CPPUNIT_TEST(anAddressMakesRoomAmongItsOwnConnections);
    CPPUNIT_TEST(anIpv6NetworkIsOneAddress);
    CPPUNIT_TEST(aProxyHasTheCapOfAll);
    CPPUNIT_TEST(aPartialRequestGivesWayOnlyIfItMay);
    CPPUNIT_TEST(aConnectionWhoseRequestHasComeStays);
    CPPUNIT_TEST(aPlaceIsFreeOnceItsConnectionLeaves);
    CPPUNIT_TEST(thoseTurnedAwayTakeNoPlaceAndAreBounded);
    CPPUNIT_TEST(aFloodDoesNotSearchForEachConnection);
    CPPUNIT_TEST_SUITE_END();

public:
    void setUp() override { use({2, 2, kWait, false}); }

    void theLongestWaitingConnectionGivesWay() {
        enter("10.0.0.1", Phase::Waiting, kWait);
        enter("10.0.0.2", Phase::Lingering, 2 * kWait);
        CPPUNIT_ASSERT(come("10.0.0.3") == Place::Given);
        assertClosed({1});
    }

    void aConnectionThatHasNotWaitedLongEnoughStays() {
        enter("10.0.0.1", Phase::Waiting, kWait - kWait / 10);
        enter("10.0.0.2", Phase::Answering, 10 * kWait);
        CPPUNIT_ASSERT(come("10.0.0.3") == Place::NoneAtAll);
        now_ += kWait / 10;
        CPPUNIT_ASSERT(come("10.0.0.3") == Place::Given);
        assertClosed({0});
    }

    void anAddressMakesRoomAmongItsOwnConnections() {
        use({10, 1, kWait, false});
        enter("10.0.0.1", Phase::Waiting, 5 * kWait);
        enter("10.0.0.2", Phase::Waiting, 2 * kWait);
        CPPUNIT_ASSERT(come("10.0.0.2") == Place::Given);
        assertClosed({1});
        CPPUNIT_ASSERT_MESSAGE("the new one has just come",
                               come("10.0.0.2") == Place::NoneForAddress);
    }

    void anIpv6NetworkIsOneAddress() {
        use({10, 1, kWait, false});
        enter("2001:db8:0:1::1", Phase::Answering, {});
        CPPUNIT_ASSERT(come("2001:db8:0:1:ffff::2") == Place::NoneForAddress);
        CPPUNIT_ASSERT(come("2001:db8:0:2::1") == Place::Given);
        enter("10.0.0.1", Phase::Answering, {});
        CPPUNIT_ASSERT(come("::ffff:10.0.0.2") == Place::Given);
        CPPUNIT_ASSERT_MESSAGE("the same address",
                               come("::ffff:10.0.0.1") == Place::NoneForAddress);
    }

    void aProxyHasTheCapOfAll() {
        use({2, 1, kWait, false});
        CPPUNIT_ASSERT(come("10.0.0.1", true) == Place::Given);
        CPPUNIT_ASSERT(come("10.0.0.1", true) == Place::Given);
        CPPUNIT_ASSERT(come("10.0.0.1", true) == Place::NoneAtAll);
    }

    void aPartialRequestGivesWayOnlyIfItMay() {
        use({1, 1, kWait, false});
        enter("10.0.0.1", Phase::Reading, 5 * kWait);
        CPPUNIT_ASSERT(come("10.0.0.2") == Place::NoneAtAll);
        use({1, 1, kWait, true});
        enter("10.0.0.1", Phase::Reading, 5 * kWait);
        CPPUNIT_ASSERT(come("10.0.0.2") == Place::Given);
    }

    void aConnectionWhoseRequestHasComeStays() {
        enter("10.0.0.1", Phase::Waiting, 3 * kWait);
        enter("10.0.0.2", Phase::Waiting, 2 * kWait);
        askedNow_ = connections_[0].get();
        CPPUNIT_ASSERT(come("10.0.0.3") == Place::Given);
        assertClosed({1});
    }

    void aPlaceIsFreeOnceItsConnectionLeaves() {
        use({1, 1, kWait, false});
        enter("10.0.0.1", Phase::Answering, {});
        CPPUNIT_ASSERT(come("10.0.0.1") == Place::NoneAtAll);
        leave(0);
        CPPUNIT_ASSERT(come("10.0.0.1") == Place::Given);
    }

    void thoseTurnedAwayTakeNoPlaceAndAreBounded() {
        use({1, 1, kWait, false});
        enter("10.0.0.1", Phase::Answering, {});
        std::size_t answered = 0;
        while (come("10.0.0.2") == Place::NoneAtAll) {
            ++answered;
        }
        CPPUNIT_ASSERT_EQUAL(std::size_t{1024}, answered);
        leave(1);
        CPPUNIT_ASSERT(come("10.0.0.2") == Place::NoneAtAll);
        CPPUNIT_ASSERT(come("10.0.0.2") == Place::NoAnswer);
        leave(0);
        CPPUNIT_ASSERT_MESSAGE("they hold no place", come("10.0.0.2") == Place::Given);
    }

    void aFloodDoesNotSearchForEachConnection() {
        enter("10.0.0.1", Phase::Waiting, {});
        enter("10.0.0.2", Phase::Waiting, {});
        CPPUNIT_ASSERT(come("10.0.0.3") == Place::NoneAtAll);
        // A search would find it now; the time at which one was due is remembered.
        connections_[0]->since = now_ - 5 * kWait;
        CPPUNIT_ASSERT(come("10.0.0.3") == Place::NoneAtAll);
        now_ += kWait;
        CPPUNIT_ASSERT(come("10.0.0.3") == Place::Given);
        assertClosed({0});
    }

private:
    using Clock = ConnectionCaps::Clock;

    static constexpr std::chrono::milliseconds kWait{1000};

    void use(const ConnectionCaps::Settings& settings) {
        connections_.clear();
        closed_.clear();
        askedNow_ = nullptr;
        caps_ = std::make_unique<ConnectionCaps>(
            settings, connections_, [this](Connection& connection) {
                return closeWaiting(connection);
            });
    }

    /// A connection comes, is admitted, and has been in `phase` for `since`.
    void enter(const std::string& address, Phase phase, std::chrono::milliseconds since) {
        CPPUNIT_ASSERT(come(address) == Place::Given);
        connections_.back()->phase = phase;
        connections_.back()->since = now_ - since;
    }

    Place come(const std::string& address, bool isProxy = false) {
        const Poco::Net::SocketAddress peer(address, 1000);
        auto connection = std::make_unique<Connection>(
            static_cast<int>(connections_.size()), nullptr, peer, drover::api::RequestLimits{});
        connection->since = now_;
        const Place place = caps_->admit(*connection, peer, isProxy, now_);
        if (place != Place::NoAnswer) {
            connections_.push_back(std::move(connection));
        }
        return place;
    }

    bool closeWaiting(Connection& connection) {
        if (&connection == askedNow_) {
            connection.phase = Phase::Answering;
            return false;
        }
        closed_.push_back(connection.fd);
        leave(static_cast<std::size_t>(connection.fd));
        return true;
    }

    void leave(std::size_t fd) {
        caps_->leave(*connections_[fd]);
        connections_[fd].reset();
    }

    void assertClosed(const std::vector<int>& fds) { CPPUNIT_ASSERT(fds == closed_); }

    Clock::time_point now_{std::chrono::hours(1)};
    ConnectionCaps::Connections connections_;
    std::vector<int> closed_;
    Connection* askedNow_ = nullptr;  ///< Its request comes while it is closed.
    std::unique_ptr<ConnectionCaps> caps_;
};

CPPUNIT_TEST_SUITE_REGISTRATION(ApiConnectionCapsTest);
