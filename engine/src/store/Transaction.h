#pragma once

#include <string>

#include "drover/Unavailable.h"
#include "store/Session.h"

namespace drover::store {

/// COMMIT was sent and its answer never came: the effect may be there. Read it back before repeating (docs/pitfalls.md#p3).
class CommitUnknown : public Unavailable {
public:
    explicit CommitUnknown(const std::string& reason) : Unavailable(reason) {}
};

/// A transaction for as long as it lives; rolled back unless commit() returned.
/// Uses BEGIN and COMMIT of its own: the connector has the state in a flag that survives a broken link
/// (docs/pitfalls.md#p5), and its commit() accepts a ROLLBACK (docs/pitfalls.md#p2).
class Transaction {
public:
    explicit Transaction(Session& session);
    /// Rolls back if need be; a session that cannot even do that is given up.
    ~Transaction();
    Transaction(const Transaction&) = delete;
    Transaction& operator=(const Transaction&) = delete;

    /// Returns only if the server answered COMMIT. Throws StoreException if it rolled back since an earlier statement had
    /// failed, SqlError for a deferred check, CommitUnknown if no answer came.
    void commit();

private:
    Session& session_;
    bool open_ = true;
};

}  // namespace drover::store
