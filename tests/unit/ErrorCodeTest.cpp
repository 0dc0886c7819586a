#include <string>

#include <cppunit/extensions/HelperMacros.h>

#include "core/ErrorCode.h"
#include "drover/Exceptions.h"
#include "support/Assert.h"

using drover::test::assertContains;
using drover::test::assertEqual;

using drover::ErrorCode;

/// Script numbers become codes in one place, and codes become BullMQ's words.
class ErrorCodeTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(ErrorCodeTest);
    CPPUNIT_TEST(zeroAndAboveAreNoError);
    CPPUNIT_TEST(everyNumberOfTheWireFormatHasItsName);
    CPPUNIT_TEST(anUnknownNumberIsRefusedByName);
    CPPUNIT_TEST(messagesAreWordedAsInBullmq);
    CPPUNIT_TEST(aCodeBecomesAnExceptionThatHasIt);
    CPPUNIT_TEST(onlyFourCodesMeanThatTheJobIsLost);
    CPPUNIT_TEST_SUITE_END();

public:
    void zeroAndAboveAreNoError() {
        CPPUNIT_ASSERT(!drover::errorCodeOf(0).has_value());
        CPPUNIT_ASSERT(!drover::errorCodeOf(1795382406903).has_value());
    }

    void everyNumberOfTheWireFormatHasItsName() {
        using drover::ErrorCode;
        const ErrorCode codes[] = {ErrorCode::JobNotExist,
                                   ErrorCode::JobLockNotExist,
                                   ErrorCode::JobNotInState,
                                   ErrorCode::JobPendingChildren,
                                   ErrorCode::ParentJobNotExist,
                                   ErrorCode::JobLockMismatch,
                                   ErrorCode::ParentJobCannotBeReplaced,
                                   ErrorCode::JobBelongsToJobScheduler,
                                   ErrorCode::JobHasFailedChildren,
                                   ErrorCode::SchedulerJobIdCollision,
                                   ErrorCode::SchedulerJobSlotsBusy};
        std::int64_t number = -1;
        for (const ErrorCode expected : codes) {
            const auto code = drover::errorCodeOf(number);
            CPPUNIT_ASSERT(code.has_value());
            CPPUNIT_ASSERT(*code == expected);
            CPPUNIT_ASSERT_EQUAL(number, static_cast<std::int64_t>(*code));
            --number;
        }
    }

    void anUnknownNumberIsRefusedByName() {
        try {
            (void)drover::errorCodeOf(-12);
            CPPUNIT_FAIL("-12 was taken for a code");
        } catch (const drover::ScriptException& error) {
            assertContains(error.message(), "-12");
        }
    }

    void messagesAreWordedAsInBullmq() {
        const drover::ErrorContext context{"42", "moveToFinished", "active", "bull:parents:7"};
        expect(ErrorCode::JobNotExist, context, "Missing key for job 42. moveToFinished");
        expect(ErrorCode::JobLockNotExist, context, "Missing lock for job 42. moveToFinished");
        expect(
            ErrorCode::JobNotInState, context, "Job 42 is not in the active state. moveToFinished");
        expect(ErrorCode::JobPendingChildren,
               context,
               "Job 42 has pending dependencies. moveToFinished");
        expect(ErrorCode::ParentJobNotExist,
               context,
               "Missing key for parent job bull:parents:7. moveToFinished");
        expect(ErrorCode::JobLockMismatch,
               context,
               "Lock mismatch for job 42. Cmd moveToFinished from active");
        expect(ErrorCode::ParentJobCannotBeReplaced,
               context,
               "The parent job bull:parents:7 cannot be replaced. moveToFinished");
        expect(ErrorCode::JobBelongsToJobScheduler,
               context,
               "Job 42 belongs to a job scheduler and cannot be removed directly. moveToFinished");
        expect(ErrorCode::JobHasFailedChildren,
               context,
               "Cannot complete job 42 because it has at least one failed child. moveToFinished");
        expect(ErrorCode::SchedulerJobIdCollision,
               context,
               "Cannot create job scheduler iteration - job ID already exists. moveToFinished");
        expect(ErrorCode::SchedulerJobSlotsBusy,
               context,
               "Cannot create job scheduler iteration - current and next time slots already have "
               "jobs. moveToFinished");
    }

    void aCodeBecomesAnExceptionThatHasIt() {
        drover::requireNoError(0, {});
        drover::requireNoError(2, {});
        try {
            drover::requireNoError(-3, {"42", "promote", "delayed", ""});
            CPPUNIT_FAIL("-3 is an error");
        } catch (const drover::JobStateException& error) {
            CPPUNIT_ASSERT(static_cast<ErrorCode>(error.code()) == ErrorCode::JobNotInState);
            assertEqual("Job 42 is not in the delayed state. promote", error.message());
        }
        CPPUNIT_ASSERT_THROW(drover::requireNoError(-12, {}), drover::ScriptException);
    }

    void onlyFourCodesMeanThatTheJobIsLost() {
        for (std::int64_t number = -11; number < 0; ++number) {
            const bool lost = number == -1 || number == -2 || number == -3 || number == -6;
            CPPUNIT_ASSERT_EQUAL_MESSAGE(
                std::to_string(number), lost, isOwnershipLost(*drover::errorCodeOf(number)));
        }
    }

private:
    static void expect(ErrorCode code, const drover::ErrorContext& context, const char* text) {
        assertEqual(text, errorMessage(code, context));
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(ErrorCodeTest);
