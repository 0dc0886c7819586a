#include "store/Pruning.h"

#include "store/Params.h"

namespace drover::store {

std::vector<Pruned> prune(Session& session,
                          std::chrono::seconds olderThan,
                          std::int64_t rowsPerBatch,
                          const std::function<void(std::int64_t rows)>& onBatch) {
    const Result functions = session.execute(
        "SELECT p.proname::text, quote_ident(n.nspname) || '.' || quote_ident(p.proname) "
        "FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace "
        "WHERE n.nspname = current_schema() AND p.proname LIKE 'prune\\_%' AND p.pronargs = 2 "
        "AND p.proargtypes[0] = 'interval'::regtype AND p.proargtypes[1] = 'bigint'::regtype "
        "AND p.prorettype = 'bigint'::regtype AND NOT p.proretset ORDER BY 1");
    std::vector<Pruned> pruned;
    std::int64_t all = 0;
    for (int i = 0; i < functions.rows(); ++i) {
        Pruned& one = pruned.emplace_back();
        one.function = functions.text(i, 0);
        const std::string call =
            "SELECT " + std::string(functions.text(i, 1)) + "($1 * interval '1 second', $2)";
        for (std::int64_t rows = rowsPerBatch; rows == rowsPerBatch;) {
            rows = session.execute(call, Params().bigint(olderThan.count()).bigint(rowsPerBatch))
                       .bigint(0, 0);
            one.rows += rows;
            all += rows;
            onBatch(all);
        }
    }
    return pruned;
}

}  // namespace drover::store
