#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "compat/model/Clients.h"
#include "compat/model/QueueModel.h"
#include "compat/model/Step.h"

namespace drover::test {

/// Draws random operations on the queues of a model.
///
/// The same seed draws the same operations in the same states: time is that of the operations too, ten milliseconds each.
class ModelOperations {
public:
    /// The first queue gets most of the operations. `clients` and `model` must outlive the operations.
    ModelOperations(ModelClients& clients,
                    QueueModel& model,
                    std::vector<std::string> queues,
                    std::uint32_t seed);

    /// Returns an operation that applies in the model's present state.
    Step next();

private:
    using Follow = std::function<std::string(std::int64_t now)>;
    using Act = std::function<std::string()>;

    // ---- Chance.
    int below(int bound) { return std::uniform_int_distribution<int>(0, bound - 1)(random_); }
    bool chance(int percent) { return below(100) < percent; }
    template <class T>
    const T& any(const std::vector<T>& all) {
        return all[static_cast<std::size_t>(below(static_cast<int>(all.size())))];
    }
    Side side() { return chance(50) ? Side::Node : Side::Ours; }
    const std::string& anyQueue() { return queues_[chance(70) ? 0 : 1]; }
    std::string nextToken() { return "t" + std::to_string(++tokens_); }
    /// Returns a job, in this state if there is one; sometimes in any state. Empty: there is none at all.
    std::string anyJob(const std::string& state);
    [[nodiscard]] std::vector<std::string> jobsIn(const std::string& state) const;

    /// Returns the step of one side, by chance. An error with a script's code is a result.
    Step step(const std::string& text, const Act& node, const Act& ours, Follow follow);
    static Step stepOf(
        Side by, const std::string& text, const Act& node, const Act& ours, Follow follow);
    [[nodiscard]] std::function<bool()> exists(const std::string& key) const;

    std::optional<Step> anyStep();

    // ---- Adding: AddSteps.cpp.
    ModelSpec::Keep anyKeep();
    /// Returns a job of chance, without parent, deduplication and id.
    ModelSpec anySpec(const std::string& queue);
    ModelSpec anyAdd(const std::string& queue);
    ModelSpec anyNode(int levels, std::set<std::string>& named);
    void giveParent(ModelSpec& spec);
    std::string customId() { return "c" + std::to_string(below(25)); }
    [[nodiscard]] bool isAbove(const std::string& key, std::string other) const;
    [[nodiscard]] bool mayHaveParent(const ModelSpec& spec) const;
    [[nodiscard]] bool mayBeAdded(const ModelSpec& node) const;
    Step addStep(const std::string& queue);
    Step bulkStep(const std::string& queue);
    Step flowStep(const std::string& queue);

    // ---- Working: WorkSteps.cpp.
    Step claimStep(const std::string& queue);
    std::optional<Step> workStep();
    Step completeStep(Side by,
                      const std::string& key,
                      const std::string& token,
                      const std::string& text);
    Step failStep(Side by,
                  const std::string& key,
                  const std::string& token,
                  const std::string& text);
    [[nodiscard]] FinishItem finishItem(const std::string& key,
                                        const std::string& token,
                                        bool completed) const;
    [[nodiscard]] bool isRetried(const std::string& key, bool unrecoverable) const;
    std::string followFinish(Side by,
                             const std::string& queue,
                             const std::string& nextToken,
                             int claim,
                             std::int64_t now,
                             const std::string& code);
    std::optional<Step> loseLockStep();
    Step stalledStep(const std::string& queue);

    // ---- Changes of a job: ChangeSteps.cpp.
    std::optional<Step> changeStep();
    Step retryStep(const std::string& key, const std::string& text, bool completed);
    Step childStep(const std::string& key, const std::string& text);
    std::optional<Step> removeStep();
    [[nodiscard]] bool hasStrayBelow(const std::string& key, int depth) const;

    // ---- Changes of a queue: QueueSteps.cpp.
    Step queueStep(const std::string& queue);
    Step rateStep(const std::string& queue, int dice);
    Step cleanStep(const std::string& queue);
    Step obliterateStep(const std::string& queue);

    // ---- Schedulers: SchedulerSteps.cpp.
    Step upsertStep(const std::string& queue);
    Step removeSchedulerStep(const std::string& queue);
    [[nodiscard]] bool isSameInBoth(const std::string& queue,
                                    const ModelScheduler& rule,
                                    bool byNode,
                                    std::int64_t now) const;

    ModelClients& clients_;
    QueueModel& model_;
    const std::vector<std::string> queues_;
    std::mt19937 random_;
    std::int64_t now_;
    int tokens_ = 0;
    int flowIds_ = 0;
};

inline constexpr std::int64_t kHour = 3600000;
/// The time before the first operation: 2027-01-15T08:00:00Z.
inline constexpr std::int64_t kStart = 1800000000000;

/// The ids with bars between, as the results of operations have them.
std::string joinedIds(const std::vector<std::string>& ids);

}  // namespace drover::test
