#include "store/Connection.h"

#include <libpq-fe.h>
#include <string>

#include <Poco/Data/PostgreSQL/SessionHandle.h>
#include <Poco/Exception.h>

#include "drover/Unavailable.h"

namespace drover::store {

namespace {

std::string firstLine(const char* text) {
    const std::string all = text == nullptr ? "" : text;
    return all.substr(0, all.find('\n'));
}

/// Throws Unavailable unless a server is there and accepts connections. Comes before the connector makes an object that it
/// would leak (docs/pitfalls.md#p6).
void requireServer(const std::string& conninfo, const std::string& target) {
    switch (PQping(conninfo.c_str())) {
        case PQPING_OK:
            return;
        case PQPING_REJECT:
            throw Unavailable("database " + target +
                              " is up but accepts no connections (starting or shutting down)");
        case PQPING_NO_RESPONSE:
            throw Unavailable("database " + target + " does not answer");
        case PQPING_NO_ATTEMPT:
            throw Unavailable("database " + target + ": the connection parameters are not usable");
    }
}

}  // namespace

Connection::Connection(const std::string& conninfo, const std::string& target) {
    requireServer(conninfo, target);
    handle_ = std::make_unique<Poco::Data::PostgreSQL::SessionHandle>();
    try {
        handle_->connect(conninfo);
    } catch (const Poco::Exception&) {
        // The connector's text is dropped on purpose: libpq's own line has the same reason and never holds the connection
        // string (docs/pitfalls.md#p17).
        const std::string reason = firstLine(PQerrorMessage(*handle_));
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
