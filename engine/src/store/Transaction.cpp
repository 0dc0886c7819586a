#include "store/Transaction.h"

#include <string>

#include "drover/Exceptions.h"

namespace drover::store {

Transaction::Transaction(Session& session) : session_(session) {
    session_.control("BEGIN");
}

Transaction::~Transaction() {
    if (!open_ || !session_.usable()) {
        return;
    }
    try {
        session_.control("ROLLBACK");
    } catch (...) {
        // The server rolls back when the link closes; until then this session must not be used.
        session_.giveUp();
    }
}

void Transaction::commit() {
    open_ = false;
    std::string tag;
    try {
        tag = session_.control("COMMIT");
    } catch (const Unavailable& error) {
        session_.giveUp();
        throw CommitUnknown(std::string(error.what()) + "; whether it was committed is unknown");
    }
    // The server answers success to COMMIT in a failed transaction, with the tag ROLLBACK (docs/pitfalls.md#p2).
    if (tag != "COMMIT") {
        throw StoreException(
            "commit: the server rolled back, since an earlier statement of the transaction failed");
    }
}

}  // namespace drover::store
