#include "store/Connection.h"

#include <libpq-fe.h>
#include <sstream>
#include <string>

#include <Poco/Data/PostgreSQL/SessionHandle.h>
#include <Poco/Exception.h>

#include "drover/Unavailable.h"

namespace drover::store {

namespace {

/// Returns libpq's reasons, one for each host, in one line; its hints, which begin with a tab, are left out.
std::string reasonsIn(const char* text) {
    std::istringstream lines(text == nullptr ? "" : text);
    std::string reasons;
    for (std::string line; std::getline(lines, line);) {
        if (!line.empty() && line.front() != '\t') {
            reasons += (reasons.empty() ? "" : "; ") + line;
        }
    }
    return reasons;
}

}  // namespace

Connection::Connection(const std::string& conninfo, const std::string& target) {
    handle_ = std::make_unique<Poco::Data::PostgreSQL::SessionHandle>();
    try {
        handle_->connect(conninfo);
    } catch (const Poco::Exception&) {
        // The connector's text is dropped on purpose: libpq's own lines have the same reason and never hold the connection
        // string (docs/pitfalls.md#p17).
        const std::string reason = reasonsIn(PQerrorMessage(*handle_));
        raw_ = *handle_;
        release();
        throw Unavailable("database " + target + ": " + reason);
    }
    raw_ = *handle_;
}

Connection::~Connection() {
    release();
}

void Connection::release() noexcept {
    // The handle closes a connection whose status is good and forgets one whose status is bad, with its socket and its
    // buffers (docs/pitfalls.md#p6). The status is read first: afterwards a good one is freed memory.
    pg_conn* const abandoned = raw_ != nullptr && PQstatus(raw_) != CONNECTION_OK ? raw_ : nullptr;
    handle_.reset();
    if (abandoned != nullptr) {
        PQfinish(abandoned);
    }
    raw_ = nullptr;
}

}  // namespace drover::store
