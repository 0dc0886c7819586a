#include <algorithm>
#include <chrono>
#include <deque>
#include <string>
#include <utility>

#include <cppunit/TestFixture.h>
#include <cppunit/extensions/HelperMacros.h>

#include "http/BodyIntake.h"
#include "support/Assert.h"

using drover::Upload;
using drover::api::BodyIntake;
using drover::api::OpenBody;
using drover::api::Readiness;
using drover::api::Transfer;
using drover::api::Transport;
using drover::test::assertEqual;
using Received = drover::api::BodyIntake::Received;

namespace {

using Clock = BodyIntake::Clock;

constexpr std::chrono::milliseconds kIdle{1000};

/// A client whose pieces arrive one with each receive().
class Pieces : public Transport {
public:
    std::deque<std::string> pieces;
    Transfer::Kind behind = Transfer::Kind::Later;

    Transfer receive(char* buffer, std::size_t size) override {
        if (pieces.empty()) {
            return {behind};
        }
        std::string& piece = pieces.front();
        const std::size_t count = std::min(size, piece.size());
        piece.copy(buffer, count);
        piece.erase(0, count);
        if (piece.empty()) {
            pieces.pop_front();
        }
        return {Transfer::Kind::Some, count, true};
    }
    Transfer send(std::string_view bytes) override { return {Transfer::Kind::Some, bytes.size()}; }
    bool sendEnd() override { return true; }
};

}  // namespace

/// The open body of a request on its way to the handler.
class ApiBodyIntakeTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(ApiBodyIntakeTest);
    CPPUNIT_TEST(theBodyEndsWithItsLastByte);
    CPPUNIT_TEST(nothingIsReceivedWithoutRoom);
    CPPUNIT_TEST(otherConnectionsHaveTheirTurnAfterAFewReads);
    CPPUNIT_TEST(aBodyThatEndsEarlyIsReadUpToItsEnd);
    CPPUNIT_TEST(aMistakeOfTheFramingBreaksTheBody);
    CPPUNIT_TEST(aBrokenConnectionIsReported);
    CPPUNIT_TEST(theClientHasTheIdleTimeSinceItsLastByte);
    CPPUNIT_TEST(withoutRoomTheClientHasNoDeadline);
    CPPUNIT_TEST(theHandlerReadsTheRestOfALateClientAlone);
    CPPUNIT_TEST_SUITE_END();

public:
    void theBodyEndsWithItsLastByte() {
        BodyIntake intake({false, 5}, kCap);
        intake.accept("he", kStart);
        client_.pieces = {"ll", "o"};
        CPPUNIT_ASSERT(receive(intake) == Received::All);
        assertEqual("hello", readFrom(intake));
        CPPUNIT_ASSERT(lastArrival_ == Upload::Arrival::End);
    }

    void nothingIsReceivedWithoutRoom() {
        BodyIntake intake({false, 100}, 4);
        client_.pieces = {"1234", "5678"};
        CPPUNIT_ASSERT(receive(intake) == Received::All);
        CPPUNIT_ASSERT_EQUAL_MESSAGE(
            "one piece found no room", std::size_t{1}, client_.pieces.size());
        CPPUNIT_ASSERT(readiness_.readable);
        std::string bytes;
        bool hasRoom = false;
        CPPUNIT_ASSERT(intake.state()->read(bytes, hasRoom) == Upload::Arrival::Some);
        CPPUNIT_ASSERT_MESSAGE("the connection must hear of the room", hasRoom);
        CPPUNIT_ASSERT(receive(intake) == Received::All);
        assertEqual("5678", readFrom(intake));
    }

    void otherConnectionsHaveTheirTurnAfterAFewReads() {
        BodyIntake intake({false, 100}, kCap);
        client_.pieces = {"1", "2", "3", "4", "5"};
        CPPUNIT_ASSERT(receive(intake) == Received::Some);
        assertEqual("1234", readFrom(intake));
        CPPUNIT_ASSERT(receive(intake) == Received::All);
        assertEqual("5", readFrom(intake));
        CPPUNIT_ASSERT_MESSAGE("all was received", !readiness_.readable);
    }

    void aBodyThatEndsEarlyIsReadUpToItsEnd() {
        BodyIntake intake({false, 5}, kCap);
        client_.pieces = {"hel"};
        client_.behind = Transfer::Kind::End;
        CPPUNIT_ASSERT(receive(intake) == Received::All);
        assertBrokenAfter("hel", 400, intake);
    }

    void aMistakeOfTheFramingBreaksTheBody() {
        BodyIntake intake({true}, kCap);
        client_.pieces = {"1\r\na\r\nx"};
        CPPUNIT_ASSERT(receive(intake) == Received::All);
        assertBrokenAfter("a", 400, intake);
    }

    void aBrokenConnectionIsReported() {
        BodyIntake intake({false, 5}, kCap);
        client_.behind = Transfer::Kind::Broken;
        CPPUNIT_ASSERT(receive(intake) == Received::Broken);
        intake.accept("hel", kStart);
        intake.onClientLeft();
        assertBrokenAfter("", 400, intake);
    }

    void theClientHasTheIdleTimeSinceItsLastByte() {
        BodyIntake intake({false, 5}, kCap);
        intake.restartClock(kStart);
        CPPUNIT_ASSERT(intake.deadline(kIdle) == kStart + kIdle);
        intake.accept("", kStart + kIdle);
        CPPUNIT_ASSERT_MESSAGE("no byte came", intake.deadline(kIdle) == kStart + kIdle);
        intake.accept("h", kStart + kIdle / 2);
        CPPUNIT_ASSERT(intake.deadline(kIdle) == kStart + kIdle / 2 + kIdle);
    }

    void withoutRoomTheClientHasNoDeadline() {
        BodyIntake intake({false, 5}, 2);
        intake.accept("he", kStart);
        CPPUNIT_ASSERT(intake.deadline(kIdle) == Clock::time_point::max());
        static_cast<void>(readFrom(intake));
        CPPUNIT_ASSERT(intake.deadline(kIdle) == kStart + kIdle);
        intake.accept("llo", kStart);
        static_cast<void>(readFrom(intake));
        CPPUNIT_ASSERT_MESSAGE("the body is over",
                               intake.deadline(kIdle) == Clock::time_point::max());
    }

    void theHandlerReadsTheRestOfALateClientAlone() {
        BodyIntake late({false, 5}, kCap);
        late.accept("hel", kStart);
        late.onTimeout();
        late.onStop();
        assertBrokenAfter("hel", 408, late);
        BodyIntake stopped({false, 5}, kCap);
        stopped.accept("hel", kStart);
        stopped.onStop();
        assertBrokenAfter("", 503, stopped);
    }

private:
    static constexpr std::size_t kCap = 1000;
    static constexpr Clock::time_point kStart{std::chrono::hours(1)};

    Received receive(BodyIntake& intake) {
        readiness_.readable = true;
        return intake.receive(client_, readiness_, kStart);
    }

    /// Reads until there is nothing more, as lastArrival_ names it.
    std::string readFrom(const BodyIntake& intake) {
        std::string bytes;
        bool hasRoom = false;
        do {
            lastArrival_ = intake.state()->read(bytes, hasRoom);
        } while (lastArrival_ == Upload::Arrival::Some);
        return bytes;
    }

    void assertBrokenAfter(const std::string& bytes, int status, const BodyIntake& intake) {
        assertEqual(bytes, readFrom(intake));
        CPPUNIT_ASSERT(lastArrival_ == Upload::Arrival::Broken);
        CPPUNIT_ASSERT_EQUAL(status, intake.state()->problem().status);
    }

    Pieces client_;
    Readiness readiness_;
    Upload::Arrival lastArrival_ = Upload::Arrival::Later;
};

CPPUNIT_TEST_SUITE_REGISTRATION(ApiBodyIntakeTest);
