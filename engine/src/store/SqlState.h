#pragma once

#include <string>
#include <string_view>

#include "drover/Exceptions.h"

namespace drover::store {

/// Names the handling of an error of the server (docs/pitfalls.md#sqlstate).
enum class ErrorClass {
    Retry,  ///< Serialization failure, deadlock, lock timeout: repeat the whole transaction, with jitter.
    Infrastructure,  ///< Server away, shutting down, full, read-only, or too slow: becomes drover::Unavailable.
    Constraint,    ///< A constraint is violated (class 23).
    BusinessRule,  ///< Raised by a function of the schema (P0001, P0002): permanent.
    BadData,       ///< The values are at fault (class 22): permanent.
    Schema,  ///< Missing table, wrong statement, missing privilege (class 42, 3F): no job is to blame.
    Other
};

/// Maps the five characters of a SQLSTATE; an empty one (the link broke before any came) is Infrastructure.
[[nodiscard]] ErrorClass classify(std::string_view sqlState);

/// Returns true if the session that got this error must not be used again, although its socket may still look alive.
[[nodiscard]] bool endsSession(std::string_view sqlState);

/// An error that the server answered with, other than Infrastructure. The message has no row values.
class SqlError : public StoreException {
public:
    SqlError(const std::string& message, std::string sqlState, std::string constraint);

    [[nodiscard]] const std::string& sqlState() const noexcept { return sqlState_; }
    [[nodiscard]] ErrorClass errorClass() const { return classify(sqlState_); }
    /// Returns the name of the violated constraint; empty: none.
    [[nodiscard]] const std::string& constraint() const noexcept { return constraint_; }

    [[nodiscard]] const char* name() const noexcept override { return "drover::store::SqlError"; }
    [[nodiscard]] const char* className() const noexcept override {
        return "drover::store::SqlError";
    }
    [[nodiscard]] Poco::Exception* clone() const override { return new SqlError(*this); }
    void rethrow() const override { throw *this; }

private:
    std::string sqlState_;
    std::string constraint_;
};

}  // namespace drover::store
