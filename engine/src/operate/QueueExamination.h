#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "drover/operate/QueueDoctor.h"
#include "queue/QueueContext.h"
#include "redis/RedisClient.h"

namespace drover {

/// One walk over all keys of a queue, page by page.
///
/// A walk notes suspects; a script checks them at one moment, and those that are faults become findings.
/// Threads: one at a time.
class QueueExamination {
public:
    /// The arguments outlive it.
    QueueExamination(const QueueContext& queue,
                     RedisClient& client,
                     const QueueDoctor::Calls& calls);

    /// Walks once; see QueueDoctor::examine().
    [[nodiscard]] QueueDoctor::Report run();

private:
    using Suspect = std::pair<std::string, std::string>;  // Kind and id.

    void walkStates();
    void walkList(const std::string& key, const char* command);
    void walkStalled();
    void walkKeys();
    void walkSetAside();
    void walkSchedulers();
    void lookAtQueue();
    void suspect(const std::string& kind, const std::string& id);
    void confirm();
    void add(QueueFinding finding);
    bool pageDone();
    [[nodiscard]] bool goesOn() const { return report_.complete; }
    std::vector<Reply> replies(std::vector<Command>& commands);

    const QueueContext& queue_;
    RedisClient& client_;
    const QueueDoctor::Calls& calls_;
    const std::int64_t beganMs_;
    QueueDoctor::Report report_;
    std::int64_t highestId_ = 0;
    std::size_t listed_ = 0;                               ///< Ids of lists, which scripts walk.
    std::unordered_map<std::string, const char*> states_;  ///< By id.
    std::vector<Suspect> suspects_;
    std::map<std::string, std::string> reasons_;  ///< Why ids were set aside.
};

}  // namespace drover
