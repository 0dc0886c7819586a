#pragma once

#include <string>
#include <vector>

#include "redis/RedisClient.h"

namespace drover::test {

/// Returns the leftovers in Redis of the queues whose keys match `pattern` ("bull:mail:*"), a sentence each with key and set:
/// a lock without an active job, a hash in no set or in two, a member without a hash, a key of a job that is gone, a
/// scheduler's record or its entry without the other one. One moment: a script.
///
/// Not left over: an active job without lock (it will be recovered), `de:` and `dn:` keys, members of old versions in wait.
std::vector<std::string> findOrphans(RedisClient& redis, const std::string& pattern);

}  // namespace drover::test
