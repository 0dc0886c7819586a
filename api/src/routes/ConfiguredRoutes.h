#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "drover/Queue.h"
#include "drover/Routes.h"

namespace drover::api {

/// The producer side of a queue, as far as a configured route needs it.
struct Producer {
    /// Queue::addAsync; answers within `queue.<alias>.addTimeoutMs`.
    std::function<void(std::vector<NewJob>, std::function<void(std::vector<AddResult>)>)> add;
    /// Queue::addOnceAsync.
    std::function<void(std::vector<NewJob>, AddOnce, std::function<void(std::vector<AddResult>)>)>
        addOnce;
    std::string qualifiedName;
    std::string queue;  ///< Its name, for the scope of a token.
    std::chrono::milliseconds idempotencyTtl{std::chrono::hours(24)};
    std::function<std::optional<QueueLoad>()> load{};  ///< Queue::load.
};

/// The beginning of each configured route's source.
inline constexpr const char* kConfiguredSource = "configuration api.route.";

/// Routes that add a job, made of configuration alone: `api.route.<name>.<setting>`.
///
///     method     POST (default), PUT, PATCH or DELETE
///     path       "/reservation/{eventId}/{userId}"
///     path.<parameter>, query.<parameter>, body.<member>
///                a type, then a range, then "optional" (not for a path): "integer 1..9000", "string 1..64 optional",
///                "number", "boolean", "datetime". The range of a string counts bytes.
///     queue      alias of the queue; job: name of the job
///     data       JSON in which "{parameter}" stands for a value: {"userId":"{userId}"}; default {}
///     options    JSON, BullMQ's job options; default {}
///     view       which BullMQ's JSON the answer imitates: bullmq-6 (default) or bullmq-5.48
///     status     of success, 201 by default
///     location   header Location of a success, where the outcome of the job can be read: a path in which "{id}" and
///                "{timestamp}" stand for those of the job, "{parameter}" for a value; percent-encoded. Default: none
///     estimate   true: the answer of a success has `position`, the jobs that wait before this one, and `estimatedWaitMs`, each
///                null while it is not known; default false
///     auth       none (default): every client is served; token: a client needs one with the scope add:<name of the queue>
///     summary, tag
///
/// The routes are asynchronous: the requests of one turn of the front are added in one call. Success answers with the job as
/// JSON. A job that is refused is 400; a queue that is beyond a bound of `queue.<alias>.maxDepth` or `.maxWaitMs` 429, and a
/// Redis beyond `.maxMemoryPercent` 503, each with Retry-After and the estimate. A queue that cannot be reached, or whose
/// answer is lost, is 503 with Retry-After, after `queue.<alias>.addTimeoutMs` at the latest. With an
/// Idempotency-Key a request that is sent again adds nothing and gets the first answer, and another request with that key
/// is 422.
///
/// `keys` are the pairs below `api.route`. `producerOf` is called once per route and throws ConfigException for an alias
/// that is not configured. `originOf` returns the place of a key ("greet.path"). Throws ConfigException naming the place,
/// the key, its value and the expectation.
[[nodiscard]] std::vector<Route> configuredRoutes(
    const std::vector<std::pair<std::string, std::string>>& keys,
    const std::function<Producer(const std::string& alias)>& producerOf,
    const std::function<std::string(const std::string& key)>& originOf);

}  // namespace drover::api
