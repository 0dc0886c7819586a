#include "compat/model/Play.h"

#include <algorithm>
#include <exception>
#include <utility>

namespace drover::test {

namespace {

std::string trimmed(std::string text) {
    text.erase(text.find_last_not_of(' ') + 1);
    return text;
}

std::string twoResults(const std::string& model, const std::string& redis) {
    return "  result\n    model   " + model + "\n    Redis   " + redis + "\n";
}

}  // namespace

ModelPlay::ModelPlay(ModelClients& clients, QueueModel& model, std::vector<std::string> queues)
    : clients_(clients),
      model_(model),
      queues_(std::move(queues)),
      state_(clients.redis(), queues_) {}

void ModelPlay::restart() {
    clients_.restart();
    model_ = QueueModel(queues_);
    state_.restart();
}

std::string ModelPlay::differenceAfter(const Step& step) {
    std::string result;
    try {
        clients_.setTime(step.at);
        result = trimmed(step.act());
    } catch (const std::exception& error) {
        return twoResults("no exception", error.what());
    }
    state_.read();
    model_.setDrover(step.byDrover);
    const std::string expected = trimmed(step.follow(step.at));
    if (step.anyOrder) {
        for (const std::string& queue : queues_) {
            // Redis gets the order of the model, which is the same in every run of a seed.
            const std::string wait = queue + ":wait";
            if (model_.hasOrderOfItsOwn(queue, state_.listBefore(wait), state_.listNow(wait))) {
                state_.reorder(wait, model_.queue(queue).wait);
            }
        }
    }
    std::string wrong = result == expected ? "" : twoResults(expected, result);
    wrong += state_.differentKeys(model_) + state_.differentEvents(model_, step.anyOrder);
    return wrong.empty() ? "" : wrong + state_.keysBefore(step.text + wrong);
}

std::optional<std::size_t> ModelPlay::stepsToDifference(const std::vector<Step>& script) {
    restart();
    for (std::size_t i = 0; i < script.size(); ++i) {
        if (script[i].applies && !script[i].applies()) {
            continue;
        }
        if (!differenceAfter(script[i]).empty()) {
            return i + 1;
        }
    }
    return std::nullopt;
}

std::vector<Step> ModelPlay::shortened(std::vector<Step> script, std::size_t budget) {
    std::size_t size = script.size() / 2;
    while (size > 0) {
        bool shorter = false;
        for (std::size_t at = 0; at < script.size();) {
            std::vector<Step> rest(script.begin(),
                                   script.begin() + static_cast<std::ptrdiff_t>(at));
            const std::size_t end = std::min(at + size, script.size());
            rest.insert(
                rest.end(), script.begin() + static_cast<std::ptrdiff_t>(end), script.end());
            if (rest.size() > budget) {
                return script;
            }
            budget -= rest.size();
            if (const auto steps = stepsToDifference(rest)) {
                rest.resize(*steps);
                script = std::move(rest);
                shorter = true;
            } else {
                at = end;
            }
        }
        if (!shorter || size > 1) {
            size = std::min(size / 2, script.size() / 2);
        }
    }
    return script;
}

}  // namespace drover::test
