#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "compat/model/Clients.h"
#include "compat/model/QueueModel.h"
#include "compat/model/RedisState.h"
#include "compat/model/Step.h"

namespace drover::test {

/// Does operations on Redis and in the model, one after the other, and compares both after each.
class ModelPlay {
public:
    /// `queues`: as the model has them. `clients` and `model` must outlive this object.
    ModelPlay(ModelClients& clients, QueueModel& model, std::vector<std::string> queues);

    /// Makes Redis and the model as they were before the first operation.
    void restart();
    /// Returns what differs after the operation; empty: nothing.
    std::string differenceAfter(const Step& step);
    /// Plays a script from the start, without the steps that do not apply. Returns after how many steps of it the model
    /// differs; std::nullopt: it never does.
    std::optional<std::size_t> stepsToDifference(const std::vector<Step>& script);

    /// Returns a shorter script that ends with a difference. Leaves out halves, quarters and so on as long as the difference
    /// stays, and plays `budget` operations at most. `script` ends with one.
    std::vector<Step> shortened(std::vector<Step> script, std::size_t budget);

private:
    ModelClients& clients_;
    QueueModel& model_;
    const std::vector<std::string> queues_;
    RedisState state_;
};

}  // namespace drover::test
