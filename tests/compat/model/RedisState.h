#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "compat/model/QueueModel.h"
#include "redis/RedisClient.h"

namespace drover::test {

/// The content of one key.
struct StoredKey {
    std::string type;
    bool expires = false;
    std::vector<std::string> values;

    /// Fields and values, or members and scores.
    [[nodiscard]] std::map<std::string, std::string> pairs() const;
};
using StoredKeys = std::map<std::string, StoredKey>;

/// The queues as they are in Redis, to be compared with the model.
class RedisState {
public:
    /// `queues`: qualified names. `redis` must outlive this object.
    RedisState(RedisClient& redis, std::vector<std::string> queues);

    /// Reads every key, and the events since the last read.
    void read();
    /// Reads as if there had been nothing before.
    void restart();

    [[nodiscard]] const StoredKeys& keys() const { return keys_; }
    /// "added 1 name=x", … : event, jobId, then the other fields in the order of the stream.
    [[nodiscard]] const std::vector<std::string>& events(const std::string& queue) const {
        return events_.at(queue);
    }
    /// Returns the ids of a list as the last read but one had them.
    [[nodiscard]] std::vector<std::string> listBefore(const std::string& key) const;
    [[nodiscard]] std::vector<std::string> listNow(const std::string& key) const;
    /// Gives a list this order.
    void reorder(const std::string& key, const std::vector<std::string>& ids);

    /// Returns the keys in which the model differs, with both texts; empty: none.
    [[nodiscard]] std::string differentKeys(const QueueModel& model) const;
    /// Returns the events in which the model differs. `anyOrder`: their order is not compared.
    std::string differentEvents(QueueModel& model, bool anyOrder) const;

    /// Returns the keys, as they were before the last operation, of the jobs whose ids stand in a text.
    [[nodiscard]] std::string keysBefore(const std::string& text) const;

private:
    void addEvents(const std::string& queue, ReplyView entries);

    RedisClient& redis_;
    const std::vector<std::string> queues_;
    StoredKeys keys_, before_;
    std::map<std::string, std::string> lastEvents_;
    std::map<std::string, std::vector<std::string>> events_;
};

}  // namespace drover::test
