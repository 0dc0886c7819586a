#include "store/SqlState.h"

#include <algorithm>
#include <array>
#include <utility>

namespace drover::store {

namespace {

template <std::size_t n>
bool isOneOf(std::string_view state, const std::array<std::string_view, n>& states) {
    return std::find(states.begin(), states.end(), state) != states.end();
}

}  // namespace

ErrorClass classify(std::string_view sqlState) {
    // docs/pitfalls.md#q2. 55P03 is lock_timeout or NOWAIT. 57014, statement timeout or cancel, is left out: a statement that reached its limit
    // once would block the thread five times as long.
    constexpr std::array<std::string_view, 3> kRetry = {"40001", "40P01", "55P03"};
    // 25P03: idle in transaction for too long, the server hung up. 25006: a read-only server, a failover is on.
    constexpr std::array<std::string_view, 2> kInfrastructure = {"25P03", "25006"};
    if (sqlState.size() != 5) {
        return ErrorClass::Infrastructure;
    }
    if (isOneOf(sqlState, kRetry)) {
        return ErrorClass::Retry;
    }
    if (isOneOf(sqlState, kInfrastructure)) {
        return ErrorClass::Infrastructure;
    }
    const std::string_view group = sqlState.substr(0, 2);
    // Links (08), resources (53), the operator (57: shutdown, crash, starting up, cancel), the machine (58).
    constexpr std::array<std::string_view, 4> kInfrastructureGroups = {"08", "53", "57", "58"};
    if (isOneOf(group, kInfrastructureGroups)) {
        return ErrorClass::Infrastructure;
    }
    if (group == "22") {
        return ErrorClass::BadData;
    }
    if (group == "23") {
        return ErrorClass::Constraint;
    }
    if (group == "P0") {
        return ErrorClass::BusinessRule;
    }
    if (group == "42" || group == "3F" || group == "3D" || group == "28") {
        return ErrorClass::Schema;
    }
    return ErrorClass::Other;
}

bool endsSession(std::string_view sqlState) {
    constexpr std::array<std::string_view, 6> kStates = {
        "57P01", "57P02", "57P03", "57P05", "25P03", "25006"};
    return sqlState.size() != 5 || sqlState.substr(0, 2) == "08" || isOneOf(sqlState, kStates);
}

SqlError::SqlError(const std::string& message, std::string sqlState, std::string constraint)
    : StoreException(message), sqlState_(std::move(sqlState)), constraint_(std::move(constraint)) {}

}  // namespace drover::store
