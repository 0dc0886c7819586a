#include <cppunit/TestFixture.h>
#include <cppunit/extensions/HelperMacros.h>

#include "http/StreamState.h"

using drover::api::StreamState;
using Admission = StreamState::Admission;

/// The bytes of a stream that wait for its client.
class ApiStreamStateTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(ApiStreamStateTest);
    CPPUNIT_TEST(theCapIsOfAllThatWaits);
    CPPUNIT_TEST(aPieceThatFoundNoRoomWaitsForRoomOfItsSize);
    CPPUNIT_TEST(aPieceLargerThanTheCapPassesAlone);
    CPPUNIT_TEST(bytesOfTheStreamItselfCountInAnyCase);
    CPPUNIT_TEST(theEndCallsBackOnce);
    CPPUNIT_TEST_SUITE_END();

public:
    void theCapIsOfAllThatWaits() {
        StreamState state(100);
        CPPUNIT_ASSERT(state.admit(60) == Admission::Yes);
        CPPUNIT_ASSERT(state.admit(40) == Admission::Yes);
        CPPUNIT_ASSERT(state.admit(1) == Admission::Full);
        state.sent(1);
        CPPUNIT_ASSERT(state.admit(1) == Admission::Yes);
    }

    void aPieceThatFoundNoRoomWaitsForRoomOfItsSize() {
        StreamState state(100);
        int called = 0;
        CPPUNIT_ASSERT(state.admit(40) == Admission::Yes);
        CPPUNIT_ASSERT(state.admit(80) == Admission::Full);
        state.whenWritable([&called] { ++called; });
        CPPUNIT_ASSERT_EQUAL_MESSAGE("half of the cap is free, but not 80", 0, called);
        state.sent(19);
        CPPUNIT_ASSERT_EQUAL(0, called);
        state.sent(1);
        CPPUNIT_ASSERT_EQUAL(1, called);
        CPPUNIT_ASSERT(state.admit(80) == Admission::Yes);
    }

    void aPieceLargerThanTheCapPassesAlone() {
        StreamState state(100);
        int called = 0;
        CPPUNIT_ASSERT(state.admit(1000) == Admission::Yes);
        CPPUNIT_ASSERT(state.admit(1000) == Admission::Full);
        state.whenWritable([&called] { ++called; });
        state.sent(999);
        CPPUNIT_ASSERT_EQUAL(0, called);
        state.sent(1);
        CPPUNIT_ASSERT_EQUAL(1, called);
    }

    void bytesOfTheStreamItselfCountInAnyCase() {
        StreamState state(100);
        CPPUNIT_ASSERT(state.admit(100) == Admission::Yes);
        state.count(50);
        state.sent(150);
        CPPUNIT_ASSERT(state.admit(100) == Admission::Yes);
    }

    void theEndCallsBackOnce() {
        StreamState state(100);
        int called = 0;
        CPPUNIT_ASSERT(state.admit(100) == Admission::Yes);
        state.whenWritable([&called] { ++called; });
        state.close();
        state.close();
        CPPUNIT_ASSERT_EQUAL(1, called);
        CPPUNIT_ASSERT(!state.open());
        CPPUNIT_ASSERT(state.admit(1) == Admission::Closed);
        state.whenWritable([&called] { ++called; });
        CPPUNIT_ASSERT_EQUAL(2, called);
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(ApiStreamStateTest);
