#include "store/Result.h"

#include <libpq-fe.h>

#include <Poco/Exception.h>

#include "drover/Exceptions.h"
#include "store/TypeOid.h"

namespace drover::store {

namespace {

std::int64_t readInteger(const char* bytes, int length) {
    // Sign-extend from the first byte: the three integer types differ in length only.
    auto bits = static_cast<std::uint64_t>((bytes[0] & 0x80) != 0 ? -1 : 0);
    for (int i = 0; i < length; ++i) {
        bits = (bits << 8) | static_cast<unsigned char>(bytes[i]);
    }
    return static_cast<std::int64_t>(bits);
}

}  // namespace

void Result::Clear::operator()(pg_result* result) const noexcept {
    PQclear(result);
}

Result::Result(pg_result* result) : result_(result) {}

int Result::rows() const {
    return PQntuples(result_.get());
}

int Result::columns() const {
    return PQnfields(result_.get());
}

bool Result::isNull(int row, int column) const {
    requireCell(row, column);
    return PQgetisnull(result_.get(), row, column) != 0;
}

std::int64_t Result::bigint(int row, int column) const {
    requireValue(row, column);
    const unsigned type = PQftype(result_.get(), column);
    if (type != oid::kInt8 && type != oid::kInt4 && type != oid::kInt2) {
        wrongType(column, "an integer");
    }
    return readInteger(PQgetvalue(result_.get(), row, column),
                       PQgetlength(result_.get(), row, column));
}

std::optional<std::int64_t> Result::optionalBigint(int row, int column) const {
    if (isNull(row, column)) {
        return std::nullopt;
    }
    return bigint(row, column);
}

std::string_view Result::text(int row, int column) const {
    requireValue(row, column);
    const unsigned type = PQftype(result_.get(), column);
    if (type != oid::kText && type != oid::kVarchar && type != oid::kBpchar && type != oid::kName) {
        wrongType(column, "text");
    }
    return {PQgetvalue(result_.get(), row, column),
            static_cast<std::size_t>(PQgetlength(result_.get(), row, column))};
}

std::optional<std::string> Result::optionalText(int row, int column) const {
    if (isNull(row, column)) {
        return std::nullopt;
    }
    return std::string(text(row, column));
}

std::string_view Result::commandTag() const {
    return PQcmdStatus(result_.get());
}

void Result::requireCell(int row, int column) const {
    if (row < 0 || row >= rows() || column < 0 || column >= columns()) {
        throw Poco::RangeException("row " + std::to_string(row) + ", column " +
                                   std::to_string(column) + " of a result with " +
                                   std::to_string(rows()) + " rows and " +
                                   std::to_string(columns()) + " columns");
    }
}

void Result::requireValue(int row, int column) const {
    if (isNull(row, column)) {
        throw StoreException("column " + std::string(PQfname(result_.get(), column)) + " of row " +
                             std::to_string(row) + " is NULL where a value is needed");
    }
}

void Result::wrongType(int column, const char* wanted) const {
    throw StoreException("column " + std::string(PQfname(result_.get(), column)) +
                         " has the type with OID " +
                         std::to_string(PQftype(result_.get(), column)) + " and is read as " +
                         wanted + ": cast it in the statement");
}

}  // namespace drover::store
