#include "compat/model/QueueModel.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <utility>

namespace drover::test {

namespace {

constexpr std::int64_t kPriority = std::int64_t{1} << 32;
constexpr std::int64_t kBucket = 4096;
constexpr std::int64_t kWithoutEnd = 9007199254740991;

std::string number(double value) {
    char text[32];
    std::snprintf(text, sizeof(text), "%.17g", value);
    return text;
}

bool removeFirst(std::vector<std::string>& list, const std::string& id) {
    const auto found = std::find(list.begin(), list.end(), id);
    return found != list.end() && (list.erase(found), true);
}

/// Lowest score first; members of one score in the order of their bytes.
std::vector<std::string> inOrder(const QueueModel::Scores& set) {
    std::vector<std::pair<std::int64_t, std::string>> all;
    for (const auto& [id, score] : set) {
        all.emplace_back(score, id);
    }
    std::sort(all.begin(), all.end());
    std::vector<std::string> ids;
    for (auto& [score, id] : all) {
        ids.push_back(std::move(id));
    }
    return ids;
}

bool isDone(const std::string& code) {
    return code == "0";
}

std::string lines(const std::vector<std::string>& all) {
    std::string text;
    for (const std::string& line : all) {
        text += (text.empty() ? "" : " | ") + line;
    }
    return text;
}

}  // namespace

QueueModel::QueueModel(const std::vector<std::string>& queues) {
    for (const std::string& name : queues) {
        queues_[name].meta["opts.maxLenEvents"] = "10000";
    }
}

QueueModel::Queue& QueueModel::queueOf(const std::string& key) {
    return queues_.at(queueNameOf(key));
}

const QueueModel::Queue& QueueModel::queueOf(const std::string& key) const {
    return queues_.at(queueNameOf(key));
}

std::int64_t QueueModel::field(const std::string& key, const std::string& name) const {
    const auto& fields = jobs_.at(key).fields;
    const auto found = fields.find(name);
    return found == fields.end() ? 0 : std::stoll(found->second);
}

// ---- Markers, scores, places in the lists.

bool QueueModel::isClosed(const Queue& queue) {
    const auto limit = queue.meta.find("concurrency");
    return queue.meta.count("paused") > 0 ||
           (limit != queue.meta.end() &&
            static_cast<std::int64_t>(queue.active.size()) >= std::stoll(limit->second));
}

void QueueModel::wake(Queue& queue) {
    if (!isClosed(queue)) {
        queue.marker["0"] = 0;
    }
}

void QueueModel::wakeLater(Queue& queue) {
    ++queue.timesMarked;
    if (!queue.delayed.empty()) {
        queue.marker["1"] =
            static_cast<double>(queue.delayed.at(inOrder(queue.delayed).front())) / kBucket;
    }
}

std::int64_t QueueModel::priorityScore(Queue& queue, std::int64_t priority) {
    queue.pc = queue.pc.value_or(0) + 1;
    return priority * kPriority + *queue.pc % kPriority;
}

std::int64_t QueueModel::delayedScore(const Queue& queue, std::int64_t due) {
    std::int64_t score = due * kBucket;
    for (const auto& [id, other] : queue.delayed) {
        if (other >= due * kBucket && other < (due + 1) * kBucket) {
            score = std::max(score, std::min(other + 1, (due + 1) * kBucket - 1));
        }
    }
    return score;
}

void QueueModel::enqueue(const std::string& key, bool atFront) {
    Queue& queue = queueOf(key);
    const std::int64_t priority = field(key, "priority");
    if (priority > 0) {
        queue.prioritized[idOf(key)] = priorityScore(queue, priority);
    } else {
        queue.wait.insert(atFront ? queue.wait.end() : queue.wait.begin(), idOf(key));
    }
    wake(queue);
}

// ---- Adding.

void QueueModel::store(const ModelSpec& spec,
                       const std::string& id,
                       std::int64_t timestamp,
                       Origin origin) {
    Queue& queue = queues_.at(spec.queue);
    const std::string key = spec.queue + ":" + id;
    Job& job = jobs_[key];
    job.spec = spec;
    job.fields = {{"name", spec.name},
                  {"data", spec.data},
                  {"opts", spec.storedOpts()},
                  {"timestamp", std::to_string(timestamp)},
                  {"delay", std::to_string(spec.delay)},
                  {"priority", std::to_string(spec.priority)}};
    if (!spec.parentId.empty()) {
        job.fields["parentKey"] = spec.parentQueue + ":" + spec.parentId;
        job.fields["parent"] = spec.parentField();
        job.flag = spec.flag;
    }
    if (spec.deduplication) {
        job.fields["deid"] = spec.deduplication->id;
    }
    queue.events.push_back("added " + id + " name=" + spec.name);
    const bool isDelayed =
        spec.delay > 0 || (spec.delay < 0 && origin == Origin::KeptBack && !drover_);
    if (origin == Origin::Parent) {
        queue.children[id] = timestamp;
        queue.events.push_back("waiting-children " + id);
    } else if (isDelayed) {
        const std::int64_t due = timestamp + std::max<std::int64_t>(spec.delay, 0);
        queue.delayed[id] = delayedScore(queue, due);
        queue.events.push_back("delayed " + id + " delay=" + std::to_string(due));
        wakeLater(queue);
    } else {
        enqueue(key, spec.lifo);
        queue.events.push_back("waiting " + id);
    }
    if (!spec.parentId.empty()) {
        jobs_.at(spec.parentQueue + ":" + spec.parentId).dependencies.insert(key);
    }
}

std::optional<std::string> QueueModel::deduplicate(const ModelSpec& spec, const std::string& id) {
    Queue& queue = queues_.at(spec.queue);
    const auto& own = *spec.deduplication;
    const bool expires = own.ttl > 0 && !own.keepLast;
    const auto found = queue.owners.find(own.id);
    if (found == queue.owners.end()) {
        queue.owners[own.id] = {id, expires};
        return std::nullopt;
    }
    const OwnedId owner = found->second;
    const std::string ownerKey = spec.queue + ":" + owner.job;
    if (own.replace && queue.delayed.count(owner.job) > 0) {
        queue.delayed.erase(owner.job);
        erase(ownerKey);
        queue.events.push_back("removed " + owner.job + " prev=delayed");
        queue.events.push_back("deduplicated " + id + " deduplicationId=" + own.id +
                               " deduplicatedJobId=" + owner.job);
        queue.next.erase(own.id);
        queue.owners[own.id] = {id,
                                own.keepLast                 ? false
                                : own.ttl > 0 && !own.extend ? owner.expires
                                                             : own.ttl > 0};
        return std::nullopt;
    }
    if (!owner.expires && jobs_.count(ownerKey) == 0) {
        queue.next.erase(own.id);
        queue.owners[own.id] = {id, expires};
        return std::nullopt;
    }
    const std::string event =
        "deduplicated " + owner.job + " deduplicationId=" + own.id + " deduplicatedJobId=" + id;
    const bool active =
        std::find(queue.active.begin(), queue.active.end(), owner.job) != queue.active.end();
    if (own.keepLast && active) {
        queue.next[own.id] = {spec, id};
        queue.owners[own.id].expires = false;
        queue.events.push_back(event);
        return owner.job;
    }
    if (own.replace) {
        return owner.job;
    }
    if (own.ttl > 0 && own.extend) {
        queue.owners[own.id].expires = expires;
    }
    queue.events.push_back(event);
    if (own.reschedule && queue.delayed.count(owner.job) > 0) {
        const std::int64_t due = spec.timestamp + std::max<std::int64_t>(spec.delay, 0);
        // Behind every job of that moment, itself among them.
        queue.delayed[owner.job] = delayedScore(queue, due);
        jobs_.at(ownerKey).fields["delay"] = std::to_string(spec.delay);
        queue.events.push_back("delayed " + owner.job + " delay=" + std::to_string(due));
        wakeLater(queue);
    }
    return owner.job;
}

std::string QueueModel::attach(const ModelSpec& spec,
                               const std::string& id,
                               bool inFlow,
                               std::int64_t now) {
    Queue& queue = queues_.at(spec.queue);
    const std::string key = spec.queue + ":" + id;
    Job& job = jobs_.at(key);
    const std::string parent = spec.parentId.empty() ? "" : spec.parentQueue + ":" + spec.parentId;
    const auto present = job.fields.find("parentKey");
    const bool another = present != job.fields.end() && present->second != parent &&
                         jobs_.count(present->second) > 0;
    if (!parent.empty() && another) {
        if (inFlow) {
            jobs_.at(parent).fields["flowAttachmentFailed"] = "1";
        }
        return "-7";
    }
    if (!parent.empty()) {
        if (queue.completed.count(id) > 0) {
            jobs_.at(parent).processed[key] = job.fields.at("returnvalue");
            if (!inFlow && jobs_.at(parent).dependencies.empty()) {
                releaseParent(parent, now);
            }
        } else {
            jobs_.at(parent).dependencies.insert(key);
        }
        job.fields["parentKey"] = parent;
        job.fields["parent"] = spec.parentField();
        job.flag = spec.flag;
    }
    queue.events.push_back("duplicated " + id);
    return id;
}

std::string QueueModel::addOne(const ModelSpec& spec, bool inFlow, std::int64_t now) {
    Queue& queue = queues_.at(spec.queue);
    if (!spec.parentId.empty() && jobs_.count(spec.parentQueue + ":" + spec.parentId) == 0) {
        return "-5";
    }
    queue.id = queue.id.value_or(0) + 1;
    const std::string id = spec.jobId.empty() ? std::to_string(*queue.id) : spec.jobId;
    if (!spec.jobId.empty() && jobs_.count(spec.queue + ":" + id) > 0) {
        return attach(spec, id, inFlow, now);
    }
    if (spec.deduplication) {
        if (auto owner = deduplicate(spec, id)) {
            return *owner;
        }
    }
    store(spec, id, spec.timestamp, spec.children.empty() ? Origin::Add : Origin::Parent);
    return id;
}

std::string QueueModel::add(const ModelSpec& spec, std::int64_t now) {
    return addOne(spec, false, now);
}

std::vector<std::string> QueueModel::addBulk(const std::vector<ModelSpec>& specs,
                                             std::int64_t now) {
    Queue& queue = queues_.at(specs.front().queue);
    const auto marker = queue.marker;
    const int marked = queue.timesMarked;
    std::vector<std::string> ids;
    for (const ModelSpec& spec : specs) {
        ids.push_back(add(spec, now));
    }
    if (drover_ && queue.timesMarked > marked) {
        queue.marker.erase("1");
        if (const auto before = marker.find("1"); before != marker.end()) {
            queue.marker.insert(*before);
        }
        wakeLater(queue);
    }
    return ids;
}

std::string QueueModel::addFlow(const ModelSpec& root, std::int64_t now) {
    // Level by level: the contract says only that a parent comes before its children.
    std::vector<ModelSpec> nodes = {root};
    for (std::size_t i = 0; i < nodes.size(); ++i) {
        const ModelSpec node = nodes[i];
        addOne(node, true, now);
        for (ModelSpec child : node.children) {
            child.parentQueue = node.queue;
            child.parentId = node.jobId;
            nodes.push_back(child);
        }
    }
    std::set<std::string> released;
    for (const ModelSpec& node : nodes) {
        const std::string parent = node.parentQueue + ":" + node.parentId;
        if (!released.insert(parent).second || jobs_.count(parent) == 0) {
            continue;
        }
        Job& job = jobs_.at(parent);
        if (job.fields.erase("flowAttachmentFailed") == 0 && job.dependencies.empty()) {
            releaseParent(parent, now);
        }
    }
    return root.jobId;
}

// ---- Working.

void QueueModel::promoteDue(Queue& queue, const std::string& name, std::int64_t now) {
    bool any = false;
    for (const std::string& id : inOrder(queue.delayed)) {
        if (queue.delayed.at(id) > (now + 1) * kBucket - 1) {
            break;
        }
        queue.delayed.erase(id);
        const std::string key = name + ":" + id;
        if (const std::int64_t priority = field(key, "priority"); priority > 0) {
            queue.prioritized[id] = priorityScore(queue, priority);
        } else {
            queue.wait.insert(queue.wait.begin(), id);
        }
        queue.events.push_back("waiting " + id + " prev=delayed");
        jobs_.at(key).fields["delay"] = "0";
        any = true;
    }
    if (any) {
        wake(queue);
    }
}

std::vector<std::string> QueueModel::claim(const std::string& name,
                                           const std::string& token,
                                           int count,
                                           std::int64_t now) {
    Queue& queue = queues_.at(name);
    promoteDue(queue, name, now);
    std::vector<std::string> claimed;
    const auto max = queue.meta.find("max");
    if (drover_ && max != queue.meta.end()) {
        const auto room = std::stoll(max->second) - queue.limiter.value_or(0);
        count = static_cast<int>(std::min<std::int64_t>(count, std::max<std::int64_t>(room, 0)));
    }
    for (int i = 0; i < count; ++i) {
        if (max != queue.meta.end() && queue.limiter.value_or(0) >= std::stoll(max->second)) {
            break;
        }
        if (isClosed(queue)) {
            break;
        }
        std::string id;
        if (!queue.wait.empty()) {
            id = queue.wait.back();
            queue.wait.pop_back();
        } else if (!queue.prioritized.empty()) {
            id = inOrder(queue.prioritized).front();
            queue.prioritized.erase(id);
        } else {
            queue.pc.reset();
            break;
        }
        const std::string key = name + ":" + id;
        queue.active.insert(queue.active.begin(), id);
        Job& job = jobs_.at(key);
        if (max != queue.meta.end() && job.fields.count("defa") == 0) {
            queue.limiter = queue.limiter.value_or(0) + 1;
        }
        locks_[key] = token;
        queue.events.push_back("active " + id + " prev=waiting");
        job.fields["processedOn"] = std::to_string(now);
        job.fields["ats"] = std::to_string(field(key, "ats") + 1);
        queue.marker["0"] = 0;
        claimed.push_back(id);
    }
    return claimed;
}

std::string QueueModel::releaseLock(const std::string& key, const std::string& token) {
    const auto lock = locks_.find(key);
    if (lock == locks_.end()) {
        return "-2";
    }
    if (lock->second != token) {
        return "-6";
    }
    locks_.erase(lock);
    queueOf(key).stalled.erase(idOf(key));
    return "0";
}

std::string QueueModel::leaveActive(const std::string& key, const std::string& token) {
    if (jobs_.count(key) == 0) {
        return "-1";
    }
    if (std::string code = releaseLock(key, token); !isDone(code)) {
        return code;
    }
    return removeFirst(queueOf(key).active, idOf(key)) ? "0" : "-3";
}

void QueueModel::recordFailure(const std::string& key,
                               const std::string& reason,
                               const std::string& trace) {
    jobs_.at(key).fields["failedReason"] = reason;
    jobs_.at(key).fields["stacktrace"] = trace;
}

void QueueModel::endDeduplication(const std::string& key, std::int64_t now) {
    const auto& fields = jobs_.at(key).fields;
    const auto deduplication = fields.find("deid");
    if (deduplication == fields.end()) {
        return;
    }
    const std::string name = deduplication->second;
    const std::string queueName = queueNameOf(key);
    Queue& queue = queueOf(key);
    if (const auto owner = queue.owners.find(name);
        owner != queue.owners.end() && !owner->second.expires && owner->second.job == idOf(key)) {
        queue.owners.erase(owner);
    }
    const auto next = queue.next.find(name);
    if (next != queue.next.end()) {
        const NextJob stored = next->second;
        queue.next.erase(next);
        queue.id = queue.id.value_or(0) + 1;
        const auto& own = *stored.spec.deduplication;
        queue.owners[name] = {stored.id, own.ttl > 0 && !own.keepLast};
        store(stored.spec, stored.id, now, Origin::KeptBack);
    }
}

void QueueModel::releaseParent(const std::string& parent, std::int64_t now) {
    Queue& queue = queueOf(parent);
    const std::string id = idOf(parent);
    if (queue.children.erase(id) == 0) {
        return;
    }
    if (const std::int64_t delay = field(parent, "delay"); delay > 0) {
        queue.delayed[id] = (now + delay) * kBucket;
        queue.events.push_back("delayed " + id + " delay=" + std::to_string(now + delay));
        wakeLater(queue);
        return;
    }
    enqueue(parent, true);
    queue.events.push_back("waiting " + id + " prev=waiting-children");
}

void QueueModel::endForParent(const std::string& key,
                              bool completed,
                              const std::string& value,
                              std::int64_t now) {
    const Job& job = jobs_.at(key);
    const auto found = job.fields.find("parentKey");
    if (found == job.fields.end() || jobs_.count(found->second) == 0) {
        return;
    }
    const std::string parent = found->second;
    const std::string flag = job.flag;
    Job& waiting = jobs_.at(parent);
    if ((!completed && flag.empty()) || waiting.dependencies.erase(key) == 0) {
        return;
    }
    Queue& queue = queueOf(parent);
    const std::string id = idOf(parent);
    if (completed) {
        waiting.processed[key] = value;
    } else if (flag == "fpof") {
        waiting.unsuccessful[key] = now;
        const bool delayed = queue.delayed.count(id) > 0;
        if (queue.failed.count(id) == 0) {
            waiting.fields["defa"] = "child " + key + " failed";
        }
        if (delayed) {
            queue.delayed.erase(id);
            waiting.fields["delay"] = "0";
            queue.children[id] = now;  // Released below, as one that waits.
        }
        releaseParent(parent, now);
        return;
    } else if (flag == "cpof") {
        waiting.failed[key] = value;
        releaseParent(parent, now);
        return;
    } else if (flag == "idof") {
        waiting.failed[key] = value;
    }
    if (waiting.dependencies.empty()) {
        releaseParent(parent, now);
    }
}

void QueueModel::retain(const std::string& name,
                        Scores& set,
                        const ModelSpec::Keep& keep,
                        std::int64_t now) {
    std::vector<std::string> gone;
    const std::vector<std::string> oldestFirst = inOrder(set);
    if (keep.ageSeconds >= 0) {
        for (const std::string& id : oldestFirst) {
            if (set.at(id) <= now - keep.ageSeconds * 1000) {
                gone.push_back(id);
            }
        }
        std::reverse(gone.begin(), gone.end());
    }
    if (keep.count > 0) {
        const std::int64_t beyond = std::ssize(oldestFirst) - keep.count;
        for (std::int64_t i = beyond - 1; i >= 0; --i) {
            gone.push_back(oldestFirst[static_cast<std::size_t>(i)]);
        }
    }
    for (const std::string& id : gone) {
        if (set.erase(id) > 0) {
            const std::string key = name + ":" + id;
            detach(key, Mode::Soft);
            erase(key);
        }
    }
}

std::string QueueModel::finish(const std::string& key,
                               bool completed,
                               const std::string& value,
                               int thenClaim,
                               const std::string& nextToken,
                               std::int64_t now) {
    const std::string name = queueNameOf(key);
    const std::string id = idOf(key);
    Queue& queue = queueOf(key);
    endDeduplication(key, now);
    endForParent(key, completed, value, now);
    Job& job = jobs_.at(key);
    const std::int64_t made = field(key, "atm") + 1;
    job.fields["atm"] = std::to_string(made);
    const std::int64_t attempts = job.spec.attempts;
    const ModelSpec::Keep keep =
        (completed ? job.spec.onComplete : job.spec.onFail).value_or(ModelSpec::Keep());
    Scores& set = completed ? queue.completed : queue.failed;
    if (keep.count == 0) {
        detach(key, Mode::Soft);
        erase(key);
    } else {
        set[id] = now;
        job.fields[completed ? "returnvalue" : "failedReason"] = value;
        job.fields["finishedOn"] = std::to_string(now);
        if (!completed) {
            job.fields.erase("defa");
        }
        retain(name, set, keep, now);
    }
    if (completed) {
        queue.events.push_back("completed " + id + " returnvalue=" + value + " prev=active");
    } else {
        queue.events.push_back("failed " + id + " failedReason=" + value + " prev=active");
        if (made >= attempts) {
            queue.events.push_back("retries-exhausted " + id +
                                   " attemptsMade=" + std::to_string(made));
        }
    }
    if (thenClaim > 0) {
        const auto max = queue.meta.find("max");
        const bool limited =
            max != queue.meta.end() && queue.limiter.value_or(0) >= std::stoll(max->second);
        const bool closed = isClosed(queue);
        const auto claimed = claim(name, nextToken, thenClaim, now);
        if (!claimed.empty() || limited || closed || !queue.delayed.empty()) {
            return "0 " + lines(claimed);
        }
    }
    if (queue.wait.empty() && queue.active.empty() && queue.prioritized.empty()) {
        queue.events.emplace_back("drained");
    }
    return thenClaim > 0 ? "0 " : "0";
}

std::string QueueModel::complete(const std::string& key,
                                 const std::string& token,
                                 const std::string& value,
                                 int thenClaim,
                                 const std::string& nextToken,
                                 std::int64_t now) {
    if (jobs_.count(key) > 0 && !jobs_.at(key).dependencies.empty()) {
        return "-4";
    }
    if (jobs_.count(key) > 0 && !jobs_.at(key).unsuccessful.empty()) {
        return "-9";
    }
    const std::string code = leaveActive(key, token);
    return isDone(code) ? finish(key, true, value, thenClaim, nextToken, now) : code;
}

std::string QueueModel::fail(const std::string& key,
                             const std::string& token,
                             const std::string& reason,
                             const std::string& trace,
                             bool unrecoverable,
                             int thenClaim,
                             const std::string& nextToken,
                             std::int64_t now) {
    const bool exists = jobs_.count(key) > 0;
    const ModelSpec spec = exists ? jobs_.at(key).spec : ModelSpec();
    const std::int64_t made = exists ? field(key, "atm") + 1 : 0;
    const bool retried = !unrecoverable && made < spec.attempts;
    const std::string name = queueNameOf(key);
    const std::string id = idOf(key);
    Queue& queue = queueOf(key);
    if (retried && (spec.backoff == 0 || drover_)) {
        promoteDue(queue, name, now);  // Even if the job cannot be retried.
    }
    if (const std::string code = leaveActive(key, token); !isDone(code)) {
        return code;
    }
    recordFailure(key, reason, trace);
    if (!retried) {
        return finish(key, false, reason, thenClaim, nextToken, now);
    }
    jobs_.at(key).fields["atm"] = std::to_string(made);
    if (spec.backoff == 0) {
        enqueue(key, spec.lifo);
        queue.events.push_back("waiting " + id + " prev=active");
        return "0";
    }
    const std::int64_t delay =
        spec.backoffType == "exponential" ? spec.backoff << (made - 1) : spec.backoff;
    queue.delayed[id] = delayedScore(queue, now + delay);
    jobs_.at(key).fields["delay"] = std::to_string(delay);
    queue.events.push_back("delayed " + id + " delay=" + std::to_string(now + delay));
    if (thenClaim > 0) {
        const auto claimed = claim(name, nextToken, thenClaim, now);
        if (!claimed.empty()) {
            return "0 " + lines(claimed);
        }
    }
    wakeLater(queue);
    return thenClaim > 0 ? "0 " : "0";
}

std::string QueueModel::moveToDelayed(const std::string& key,
                                      const std::string& token,
                                      std::int64_t due,
                                      std::int64_t now) {
    const std::string code = leaveActive(key, token);
    if (!isDone(code)) {
        return code;
    }
    Queue& queue = queueOf(key);
    const std::int64_t delay = std::max<std::int64_t>(due - now, 0);
    jobs_.at(key).fields["delay"] = std::to_string(delay);
    queue.delayed[idOf(key)] = delayedScore(queue, now + delay);
    queue.events.push_back("delayed " + idOf(key) + " delay=" + std::to_string(now + delay));
    wakeLater(queue);
    return "0";
}

std::string QueueModel::moveToWait(const std::string& key, const std::string& token) {
    const std::string code = leaveActive(key, token);
    if (!isDone(code)) {
        return code;
    }
    Queue& queue = queueOf(key);
    if (const std::int64_t priority = field(key, "priority"); priority > 0) {
        queue.prioritized[idOf(key)] = priority * kPriority;
    } else {
        queue.wait.push_back(idOf(key));
        wake(queue);
    }
    queue.events.push_back("waiting " + idOf(key) + " prev=active");
    return "0";
}

std::string QueueModel::moveToWaitingChildren(const std::string& key,
                                              const std::string& token,
                                              std::int64_t now) {
    if (jobs_.count(key) == 0) {
        return "-1";
    }
    if (!jobs_.at(key).unsuccessful.empty()) {
        return "-9";
    }
    if (jobs_.at(key).dependencies.empty()) {
        return "1";
    }
    const std::string code = leaveActive(key, token);
    if (isDone(code)) {
        queueOf(key).children[idOf(key)] = now;
        queueOf(key).events.push_back("waiting-children " + idOf(key) + " prev=active");
    }
    return code;
}

void QueueModel::loseLock(const std::string& key) {
    locks_.erase(key);
}

void QueueModel::checkStalled(const std::string& name, int maxStalled, std::int64_t now) {
    Queue& queue = queues_.at(name);
    queue.stalledCheck = now;
    const std::set<std::string> marked = std::exchange(queue.stalled, {});
    for (const std::string& id : marked) {
        const std::string key = name + ":" + id;
        if (locks_.count(key) > 0 || !removeFirst(queue.active, id)) {
            continue;
        }
        const std::int64_t count = field(key, "stc") + 1;
        jobs_.at(key).fields["stc"] = std::to_string(count);
        const auto scheduler = jobs_.at(key).fields.find("rjk");
        if (count > maxStalled && (scheduler == jobs_.at(key).fields.end() ||
                                   queue.schedulers.count(scheduler->second) == 0)) {
            jobs_.at(key).fields["defa"] = "job stalled more than allowable limit";
        }
        queue.wait.push_back(id);
        wake(queue);
        queue.events.push_back("waiting " + id + " prev=active");
        queue.events.push_back("stalled " + id);
    }
    queue.stalled.insert(queue.active.begin(), queue.active.end());
}

bool QueueModel::hasOrderOfItsOwn(const std::string& name,
                                  const std::vector<std::string>& before,
                                  const std::vector<std::string>& after) const {
    const auto& mine = queues_.at(name).wait;
    const auto old = [&before](const std::vector<std::string>& list) {
        std::vector<std::string> ids;
        std::copy_if(list.begin(), list.end(), std::back_inserter(ids), [&](const std::string& id) {
            return std::find(before.begin(), before.end(), id) != before.end();
        });
        return ids;
    };
    return std::is_permutation(mine.begin(), mine.end(), after.begin(), after.end()) &&
           old(mine) == old(after);
}

// ---- Changes.

std::string QueueModel::promote(const std::string& key) {
    Queue& queue = queueOf(key);
    if (queue.delayed.erase(idOf(key)) == 0) {
        return "-3";
    }
    enqueue(key, false);
    jobs_.at(key).fields["delay"] = "0";
    queue.events.push_back("waiting " + idOf(key) + " prev=delayed");
    return "0";
}

std::string QueueModel::changeDelay(const std::string& key, std::int64_t delay, std::int64_t now) {
    if (jobs_.count(key) == 0) {
        return "-1";
    }
    Queue& queue = queueOf(key);
    if (queue.delayed.erase(idOf(key)) == 0) {
        return "-3";
    }
    jobs_.at(key).fields["delay"] = std::to_string(delay);
    queue.delayed[idOf(key)] = delayedScore(queue, now + delay);
    wakeLater(queue);
    queue.events.push_back("delayed " + idOf(key) + " delay=" + std::to_string(now + delay));
    return "0";
}

std::string QueueModel::changePriority(const std::string& key, int priority, bool lifo) {
    if (jobs_.count(key) == 0) {
        return "-1";
    }
    Queue& queue = queueOf(key);
    const std::string id = idOf(key);
    jobs_.at(key).fields["priority"] = std::to_string(priority);
    if (queue.prioritized.erase(id) > 0 || removeFirst(queue.wait, id)) {
        if (priority > 0 && lifo) {
            queue.prioritized[id] = priority * kPriority;
        } else {
            enqueue(key, lifo);
        }
    }
    return "0";
}

std::string QueueModel::updateData(const std::string& key, const std::string& json) {
    if (jobs_.count(key) == 0) {
        return "-1";
    }
    jobs_.at(key).fields["data"] = json;
    return "0";
}

std::string QueueModel::updateProgress(const std::string& key, const std::string& json) {
    if (jobs_.count(key) == 0) {
        return "-1";
    }
    jobs_.at(key).fields["progress"] = json;
    queueOf(key).events.push_back("progress " + idOf(key) + " data=" + json);
    return "0";
}

std::string QueueModel::addLog(const std::string& key, const std::string& row, int keep) {
    if (jobs_.count(key) == 0) {
        return "-1";
    }
    auto& logs = jobs_.at(key).logs;
    logs.push_back(row);
    if (keep > 0 && std::ssize(logs) > keep) {
        logs.erase(logs.begin(), logs.end() - keep);
    }
    return std::to_string(logs.size());
}

std::string QueueModel::clearLogs(const std::string& key, int keep) {
    if (jobs_.count(key) > 0) {
        auto& logs = jobs_.at(key).logs;
        logs.erase(logs.begin(), logs.end() - std::min<std::ptrdiff_t>(keep, std::ssize(logs)));
    }
    return "0";
}

void QueueModel::backToParent(const std::string& key, bool completed) {
    const auto& fields = jobs_.at(key).fields;
    const auto found = fields.find("parentKey");
    if (found == fields.end() || jobs_.count(found->second) == 0) {
        return;
    }
    Job& parent = jobs_.at(found->second);
    if (completed ? parent.processed.erase(key) > 0
                  : parent.unsuccessful.erase(key) > 0 || parent.failed.erase(key) > 0) {
        parent.dependencies.insert(key);
    }
}

std::string QueueModel::retry(const std::string& key,
                              bool completed,
                              bool resetMade,
                              bool resetStarted) {
    if (jobs_.count(key) == 0) {
        return "-1";
    }
    Queue& queue = queueOf(key);
    if ((completed ? queue.completed : queue.failed).erase(idOf(key)) == 0) {
        return "-3";
    }
    Job& job = jobs_.at(key);
    for (const char* name :
         {"finishedOn", "processedOn", completed ? "returnvalue" : "failedReason"}) {
        job.fields.erase(name);
    }
    if (drover_) {
        job.fields.erase("defa");
    }
    if (resetMade) {
        job.fields.erase("atm");
    }
    if (resetStarted) {
        job.fields.erase("ats");
    }
    enqueue(key, job.spec.lifo);
    backToParent(key, completed);
    queue.events.push_back("waiting " + idOf(key) +
                           (completed ? " prev=completed" : " prev=failed"));
    return "0";
}

void QueueModel::retryJobs(const std::string& name, bool completed, std::int64_t until) {
    Queue& queue = queues_.at(name);
    Scores& set = completed ? queue.completed : queue.failed;
    bool any = false;
    for (const std::string& id : inOrder(set)) {
        if (set.at(id) > until) {
            continue;
        }
        const std::string key = name + ":" + id;
        for (const char* field :
             {"finishedOn", "processedOn", completed ? "returnvalue" : "failedReason"}) {
            jobs_.at(key).fields.erase(field);
        }
        if (drover_) {
            jobs_.at(key).fields.erase("defa");
        }
        backToParent(key, completed);
        set.erase(id);
        queue.wait.insert(queue.wait.begin(), id);
        queue.events.push_back("waiting " + id + (completed ? " prev=completed" : " prev=failed"));
        any = true;
    }
    if (any) {
        wake(queue);
    }
}

void QueueModel::promoteJobs(const std::string& name) {
    Queue& queue = queues_.at(name);
    const bool any = !queue.delayed.empty();
    for (const std::string& id : inOrder(queue.delayed)) {
        queue.wait.insert(queue.wait.begin(), id);
        queue.events.push_back("waiting " + id + " prev=delayed");
    }
    queue.delayed.clear();
    if (any) {
        wake(queue);
    }
}

// ---- Removing.

std::string QueueModel::stateOf(const std::string& key) const {
    const Queue& queue = queueOf(key);
    const std::string id = idOf(key);
    const auto in = [&id](const std::vector<std::string>& list) {
        return std::find(list.begin(), list.end(), id) != list.end();
    };
    return queue.completed.count(id) > 0     ? "completed"
           : queue.children.count(id) > 0    ? "waiting-children"
           : queue.delayed.count(id) > 0     ? "delayed"
           : queue.failed.count(id) > 0      ? "failed"
           : queue.prioritized.count(id) > 0 ? "prioritized"
           : in(queue.wait)                  ? "wait"
           : in(queue.active)                ? "active"
                                             : "unknown";
}

std::string QueueModel::leaveState(const std::string& key) {
    Queue& queue = queueOf(key);
    const std::string id = idOf(key);
    std::string state = stateOf(key);
    for (Scores* set :
         {&queue.completed, &queue.children, &queue.delayed, &queue.failed, &queue.prioritized}) {
        set->erase(id);
    }
    removeFirst(queue.wait, id);
    removeFirst(queue.active, id);
    return state;
}

void QueueModel::erase(const std::string& key) {
    jobs_.erase(key);
}

void QueueModel::releaseOwner(const std::string& key) {
    const auto& fields = jobs_.at(key).fields;
    const auto found = fields.find("deid");
    if (found == fields.end()) {
        return;
    }
    Queue& queue = queueOf(key);
    const auto owner = queue.owners.find(found->second);
    if (owner != queue.owners.end() && owner->second.job == idOf(key)) {
        queue.owners.erase(owner);
        queue.next.erase(found->second);
    }
}

void QueueModel::detach(const std::string& key, Mode mode) {
    const auto& fields = jobs_.at(key).fields;
    const auto found = fields.find("parentKey");
    if (found != fields.end() && jobs_.count(found->second) > 0) {
        detachFrom(std::string(found->second), key, mode);
    }
}

void QueueModel::detachFrom(const std::string& parent, const std::string& key, Mode mode) {
    Job& job = jobs_.at(parent);
    if (job.dependencies.erase(key) == 0 || !job.dependencies.empty()) {
        return;
    }
    Queue& queue = queueOf(parent);
    if (queue.children.erase(idOf(parent)) == 0) {
        return;
    }
    if (mode == Mode::Hard && queueNameOf(parent) == queueNameOf(key)) {
        removeHard(parent);
        return;
    }
    queue.wait.push_back(idOf(parent));
    wake(queue);
    if (mode == Mode::Soft) {
        queue.events.push_back("waiting " + idOf(parent) + " prev=waiting-children");
    }
}

void QueueModel::removeHard(const std::string& key) {
    detach(key, Mode::Hard);
    const std::string state = leaveState(key);
    releaseOwner(key);
    erase(key);
    if (state == "active") {
        unmark(key);
    }
}

void QueueModel::unmark(const std::string& key) {
    if (drover_) {
        queueOf(key).stalled.erase(idOf(key));
    }
}

std::set<std::string> QueueModel::childrenOf(const std::string& key, bool pendingOnly) const {
    const auto found = jobs_.find(key);
    if (found == jobs_.end()) {
        return {};
    }
    const Job& job = found->second;
    std::set<std::string> children = job.dependencies;
    if (!pendingOnly) {
        for (const auto* more : {&job.processed, &job.failed}) {
            for (const auto& [child, value] : *more) {
                children.insert(child);
            }
        }
        for (const auto& [child, time] : job.unsuccessful) {
            children.insert(child);
        }
    }
    return children;
}

bool QueueModel::isHeld(const std::string& key, bool pendingOnly) const {
    const auto children = childrenOf(key, pendingOnly);
    return locks_.count(key) > 0 ||
           std::any_of(children.begin(), children.end(), [&](const std::string& child) {
               return isHeld(child, pendingOnly);
           });
}

void QueueModel::removeOne(const std::string& key, bool withChildren) {
    if (jobs_.count(key) == 0) {
        return;
    }
    detach(key, Mode::Soft);
    if (withChildren) {
        for (const std::string& child : childrenOf(key, false)) {
            if (jobs_.count(child) == 0) {
                detachFrom(key, child, Mode::Soft);
            }
            removeOne(child, true);
        }
    }
    const std::string state = leaveState(key);
    releaseOwner(key);
    erase(key);
    if (state == "active") {
        unmark(key);
    }
    queueOf(key).events.push_back("removed " + idOf(key) + " prev=" + state);
}

std::string QueueModel::remove(const std::string& key, bool withChildren) {
    if (jobs_.count(key) > 0 && isNextRun(key)) {
        return "-8";
    }
    if (locks_.count(key) > 0 || (withChildren && isHeld(key, !drover_))) {
        return "0";
    }
    removeOne(key, withChildren);
    return "1";
}

std::string QueueModel::removeUnprocessedChildren(const std::string& key) {
    if (jobs_.count(key) == 0) {
        return "0";
    }
    for (const std::string& child : std::set(jobs_.at(key).dependencies)) {
        if (jobs_.count(child) > 0 && locks_.count(child) == 0 &&
            queueOf(child).failed.count(idOf(child)) == 0) {
            removeUnprocessedChildren(child);
            removeOne(child, false);
        }
    }
    return "0";
}

std::string QueueModel::removeChildDependency(const std::string& key) {
    if (jobs_.count(key) == 0) {
        return "-1";
    }
    auto& fields = jobs_.at(key).fields;
    const auto found = fields.find("parentKey");
    if (found == fields.end()) {
        return "1";
    }
    if (jobs_.count(found->second) == 0) {
        return "-5";
    }
    if (jobs_.at(found->second).dependencies.count(key) == 0) {
        return "1";
    }
    detach(key, Mode::Soft);
    fields.erase("parentKey");
    fields.erase("parent");
    jobs_.at(key).flag.clear();
    return "0";
}

std::string QueueModel::removeOwner(const std::string& queue, const std::string& deduplication) {
    return queues_.at(queue).owners.erase(deduplication) > 0 ? "1" : "0";
}

std::vector<std::string> QueueModel::clean(const std::string& name,
                                           const std::string& state,
                                           std::size_t limit,
                                           std::int64_t until) {
    Queue& queue = queues_.at(name);
    std::vector<std::string> candidates;
    const bool isList = state == "wait" || state == "active";
    if (isList) {
        const auto& list = state == "wait" ? queue.wait : queue.active;
        candidates = list;
        if (limit > 0 && candidates.size() > limit && !drover_) {
            candidates.erase(candidates.begin(),
                             candidates.end() - static_cast<std::ptrdiff_t>(limit));
        }
        if (drover_) {
            std::reverse(candidates.begin(), candidates.end());
        }
    } else {
        candidates = inOrder(state == "delayed"       ? queue.delayed
                             : state == "prioritized" ? queue.prioritized
                             : state == "completed"   ? queue.completed
                                                      : queue.failed);
        if (limit > 0 && candidates.size() > limit && !drover_) {
            candidates.resize(limit);
        }
    }
    const std::vector<const char*> times =
        state == "delayed"       ? std::vector{"processedOn", "timestamp"}
        : state == "prioritized" ? std::vector{"timestamp"}
                                 : std::vector{"finishedOn", "processedOn", "timestamp"};
    std::vector<std::string> removed;
    for (const std::string& id : candidates) {
        const std::string key = name + ":" + id;
        if (limit > 0 && removed.size() == limit) {
            break;
        }
        const bool stays = (state == "active" && locks_.count(key) > 0) ||
                           (state != "completed" && state != "failed" && isNextRun(key));
        if (jobs_.count(key) == 0 || stays) {
            continue;
        }
        const auto& fields = jobs_.at(key).fields;
        const auto time = std::find_if(
            times.begin(), times.end(), [&](const char* each) { return fields.count(each) > 0; });
        if (std::stoll(fields.at(*time)) <= until) {
            removeHard(key);
            removed.push_back(id);
        }
    }
    queue.events.push_back("cleaned count=" + std::to_string(removed.size()));
    return removed;
}

void QueueModel::drain(const std::string& name, bool delayed) {
    Queue& queue = queues_.at(name);
    std::vector<std::string> gone = queue.wait;
    for (const Scores* set : {&queue.prioritized, &queue.delayed}) {
        if (set != &queue.delayed || delayed) {
            const auto ids = inOrder(*set);
            gone.insert(gone.end(), ids.begin(), ids.end());
        }
    }
    for (const std::string& id : gone) {
        if (jobs_.count(name + ":" + id) > 0 && !isNextRun(name + ":" + id)) {
            removeHard(name + ":" + id);
        }
    }
}

std::string QueueModel::obliterate(const std::string& name, bool force) {
    Queue& queue = queues_.at(name);
    pause(name);
    if (!queue.active.empty() && !force) {
        return "-2";
    }
    std::vector<std::string> gone = queue.active;
    for (const std::string& id : gone) {
        locks_.erase(name + ":" + id);
    }
    gone.insert(gone.end(), queue.wait.begin(), queue.wait.end());
    for (const Scores* set :
         {&queue.delayed, &queue.completed, &queue.prioritized, &queue.failed}) {
        for (const auto& [id, score] : *set) {
            gone.push_back(id);
        }
    }
    for (const std::string& id : gone) {
        if (jobs_.count(name + ":" + id) > 0) {
            removeHard(name + ":" + id);
        }
    }
    Queue left;
    left.children = queue.children;
    left.limiter = drover_ ? std::nullopt : queue.limiter;
    left.owners = queue.owners;
    left.next = queue.next;
    queue = left;
    return "0";
}

// ---- Pause and limits.

void QueueModel::pause(const std::string& name) {
    Queue& queue = queues_.at(name);
    queue.meta["paused"] = "1";
    queue.marker.clear();
    queue.events.emplace_back("paused");
}

void QueueModel::resume(const std::string& name) {
    Queue& queue = queues_.at(name);
    queue.meta.erase("paused");
    if (!queue.wait.empty() || !queue.prioritized.empty()) {
        queue.marker["0"] = 0;
    } else {
        wakeLater(queue);
    }
    queue.events.emplace_back("resumed");
}

void QueueModel::rateLimit(const std::string& queue) {
    queues_.at(queue).limiter = kWithoutEnd;
}

void QueueModel::removeRateLimit(const std::string& queue) {
    queues_.at(queue).limiter.reset();
}

void QueueModel::setMeta(const std::string& queue,
                         const std::map<std::string, std::string>& fields) {
    for (const auto& [name, value] : fields) {
        queues_.at(queue).meta[name] = value;
    }
}

void QueueModel::unsetMeta(const std::string& queue, const std::vector<std::string>& fields) {
    for (const std::string& name : fields) {
        queues_.at(queue).meta.erase(name);
    }
}

// ---- The whole state.

std::vector<std::string> QueueModel::popEvents(const std::string& queue) {
    return std::exchange(queues_.at(queue).events, {});
}

std::map<std::string, std::string> QueueModel::keys() const {
    std::map<std::string, std::string> all;
    const auto put = [&all](const std::string& key, const std::string& text) {
        if (!text.empty()) {
            all[key] = text;
        }
    };
    const auto fieldLines = [](const auto& fields) {
        std::vector<std::string> each;
        for (const auto& [name, value] : fields) {
            each.push_back(name + "=" + value);
        }
        return lines(each);
    };
    const auto scoreLines = [](const Scores& set) {
        std::vector<std::string> each;
        for (const std::string& id : inOrder(set)) {
            each.push_back(id + " at " + number(static_cast<double>(set.at(id))));
        }
        return lines(each);
    };
    for (const auto& [name, queue] : queues_) {
        put(name + ":wait", lines(queue.wait));
        put(name + ":active", lines(queue.active));
        put(name + ":prioritized", scoreLines(queue.prioritized));
        put(name + ":delayed", scoreLines(queue.delayed));
        put(name + ":waiting-children", scoreLines(queue.children));
        put(name + ":completed", scoreLines(queue.completed));
        put(name + ":failed", scoreLines(queue.failed));
        put(name + ":meta", fieldLines(queue.meta));
        std::map<std::string, std::int64_t> runs;
        for (const auto& [id, scheduler] : queue.schedulers) {
            runs[id] = scheduler.next;
            put(name + ":repeat:" + id, fieldLines(scheduler.fields));
        }
        put(name + ":repeat", scoreLines(runs));
        put(name + ":stalled", lines({queue.stalled.begin(), queue.stalled.end()}));
        std::vector<std::string> markers;
        for (const auto& [member, score] : queue.marker) {
            markers.push_back(member + " at " + number(score));
        }
        put(name + ":marker", lines(markers));
        for (const auto& [suffix, value] :
             {std::pair{":id", queue.id}, std::pair{":pc", queue.pc}}) {
            put(name + suffix, value ? std::to_string(*value) : "");
        }
        put(name + ":limiter", queue.limiter ? std::to_string(*queue.limiter) + " expires" : "");
        put(name + ":stalled-check",
            queue.stalledCheck ? std::to_string(*queue.stalledCheck) + " expires" : "");
        for (const auto& [id, owner] : queue.owners) {
            put(name + ":de:" + id, owner.job + (owner.expires ? " expires" : ""));
        }
        for (const auto& [id, next] : queue.next) {
            put(name + ":dn:" + id,
                fieldLines(std::map<std::string, std::string>{{"name", next.spec.name},
                                                              {"data", next.spec.data},
                                                              {"opts", next.spec.storedOpts()},
                                                              {"jid", next.id}}));
        }
    }
    for (const auto& [key, job] : jobs_) {
        put(key, fieldLines(job.fields));
        put(key + ":dependencies", lines({job.dependencies.begin(), job.dependencies.end()}));
        put(key + ":processed", fieldLines(job.processed));
        put(key + ":failed", fieldLines(job.failed));
        put(key + ":unsuccessful", scoreLines(job.unsuccessful));
        put(key + ":logs", lines(job.logs));
    }
    for (const auto& [key, token] : locks_) {
        put(key + ":lock", token + " expires");
    }
    return all;
}

}  // namespace drover::test
