#pragma once

namespace drover::store::oid {

// Numbers of built-in types; fixed by PostgreSQL's catalog since its first release.
inline constexpr unsigned kInt8 = 20;
inline constexpr unsigned kInt2 = 21;
inline constexpr unsigned kInt4 = 23;
inline constexpr unsigned kText = 25;
inline constexpr unsigned kBpchar = 1042;
inline constexpr unsigned kVarchar = 1043;
inline constexpr unsigned kName = 19;
inline constexpr unsigned kTextArray = 1009;
inline constexpr unsigned kInt8Array = 1016;

}  // namespace drover::store::oid
