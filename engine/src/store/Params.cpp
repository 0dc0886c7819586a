#include "store/Params.h"

#include <string>
#include <type_traits>

#include <Poco/Exception.h>

#include "store/TypeOid.h"

namespace drover::store {

namespace {

/// Appends an integer in network byte order.
template <typename Integer>
void append(std::string& out, Integer value) {
    const auto bits = static_cast<std::make_unsigned_t<Integer>>(value);
    for (int shift = static_cast<int>(sizeof(Integer)) * 8 - 8; shift >= 0; shift -= 8) {
        out.push_back(static_cast<char>((bits >> shift) & 0xff));
    }
}

/// The head of a one-dimensional array without NULLs: dimensions, flags, element type, length, lower bound.
std::string arrayHead(unsigned elementType, std::size_t length) {
    std::string out;
    append(out, std::int32_t{length == 0 ? 0 : 1});
    append(out, std::int32_t{0});
    append(out, static_cast<std::int32_t>(elementType));
    if (length != 0) {
        append(out, static_cast<std::int32_t>(length));
        append(out, std::int32_t{1});
    }
    return out;
}

}  // namespace

Params& Params::bigint(std::int64_t value) {
    std::string bytes;
    append(bytes, value);
    values_.push_back({oid::kInt8, std::move(bytes)});
    return *this;
}

Params& Params::text(std::string_view value) {
    rejectNul(value);
    values_.push_back({oid::kText, std::string(value)});
    return *this;
}

Params& Params::bigintArray(const std::vector<std::int64_t>& values) {
    std::string bytes = arrayHead(oid::kInt8, values.size());
    bytes.reserve(bytes.size() + values.size() * 12);
    for (const std::int64_t value : values) {
        append(bytes, std::int32_t{8});
        append(bytes, value);
    }
    values_.push_back({oid::kInt8Array, std::move(bytes)});
    return *this;
}

Params& Params::textArray(const std::vector<std::string_view>& values) {
    std::string bytes = arrayHead(oid::kText, values.size());
    for (const std::string_view value : values) {
        rejectNul(value);
        append(bytes, static_cast<std::int32_t>(value.size()));
        bytes.append(value);
    }
    values_.push_back({oid::kTextArray, std::move(bytes)});
    return *this;
}

void Params::rejectNul(std::string_view value) const {
    if (value.find('\0') != std::string_view::npos) {
        throw Poco::InvalidArgumentException("parameter $" + std::to_string(values_.size() + 1) +
                                             " holds a NUL byte, which PostgreSQL's text cannot");
    }
}

}  // namespace drover::store
