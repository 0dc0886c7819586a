#include "compat/model/Operations.h"

#include <utility>

namespace drover::test {

namespace {

/// Above so many jobs nothing is added, and more is removed.
constexpr std::size_t kManyJobs = 60;

}  // namespace

std::string joinedIds(const std::vector<std::string>& ids) {
    std::string text;
    for (const std::string& id : ids) {
        text += (text.empty() ? "" : " | ") + id;
    }
    return text;
}

ModelOperations::ModelOperations(ModelClients& clients,
                                 QueueModel& model,
                                 std::vector<std::string> queues,
                                 std::uint32_t seed)
    : clients_(clients), model_(model), queues_(std::move(queues)), random_(seed), now_(kStart) {}

Step ModelOperations::next() {
    now_ += 10;
    for (;;) {
        auto step = anyStep();
        if (step && (!step->applies || step->applies())) {
            step->at = now_;
            return *std::move(step);
        }
    }
}

std::optional<Step> ModelOperations::anyStep() {
    const std::string queue = anyQueue();
    const bool many = model_.jobs().size() > kManyJobs;
    if (many && chance(30)) {
        return chance(50) ? cleanStep(queue) : removeStep();
    }
    const int dice = below(212);
    if (dice < 53 && many) {
        return std::nullopt;
    }
    return dice < 40    ? addStep(queue)
           : dice < 45  ? bulkStep(queue)
           : dice < 53  ? flowStep(queue)
           : dice < 83  ? claimStep(queue)
           : dice < 125 ? workStep()
           : dice < 129 ? loseLockStep()
           : dice < 133 ? stalledStep(queue)
           : dice < 168 ? changeStep()
           : dice < 176 ? removeStep()
           : dice < 181 ? cleanStep(queue)
           : dice < 200 ? queueStep(queue)
           : dice < 208 ? upsertStep(queue)
                        : std::optional(removeSchedulerStep(queue));
}

std::vector<std::string> ModelOperations::jobsIn(const std::string& state) const {
    std::vector<std::string> keys;
    for (const auto& [key, job] : model_.jobs()) {
        if (state.empty() || model_.stateOf(key) == state) {
            keys.push_back(key);
        }
    }
    return keys;
}

std::string ModelOperations::anyJob(const std::string& state) {
    auto keys = jobsIn(chance(85) ? state : "");
    if (keys.empty()) {
        keys = jobsIn("");
    }
    return keys.empty() ? "" : any(keys);
}

Step ModelOperations::stepOf(
    Side by, const std::string& text, const Act& node, const Act& ours, Follow follow) {
    Step step;
    step.byDrover = by == Side::Ours;
    step.text = (step.byDrover ? "ours " : "Node ") + text;
    step.act = [act = step.byDrover ? ours : node] { return coded(act); };
    step.follow = std::move(follow);
    return step;
}

Step ModelOperations::step(const std::string& text,
                           const Act& node,
                           const Act& ours,
                           Follow follow) {
    return stepOf(side(), text, node, ours, std::move(follow));
}

std::function<bool()> ModelOperations::exists(const std::string& key) const {
    return [key, this] { return model_.jobs().count(key) > 0; };
}

}  // namespace drover::test
