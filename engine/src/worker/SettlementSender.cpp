#include "worker/SettlementSender.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "drover/Exceptions.h"
#include "queue/ops/Control.h"
#include "queue/ops/Settle.h"

namespace drover {

namespace {

std::size_t bytesOf(const RetryItem& item) {
    return item.reason.size() + item.stacktrace.size();
}
/// Other items carry ids only.
template <typename Item>
std::size_t bytesOf(const Item& /*item*/) {
    return 0;
}

}  // namespace

std::optional<SettlementSender::Sent> SettlementSender::sendNext() {
    if (settlement_.rateLimit.count() > 0) {
        ops::rateLimit(queue_, redis_, settlement_.rateLimit);
        Sent sent;
        sent.closed = std::exchange(settlement_.rateLimit, {});
        return sent;
    }
    if (!settlement_.retry.empty()) {
        return send(settlement_.retry, Ending::Retried, [this](const auto& items) {
            return ops::retryJobs(queue_, redis_, items, clock_.wallMs());
        });
    }
    if (!settlement_.childrenWait.empty()) {
        return send(settlement_.childrenWait, Ending::WaitingChildren, [this](const auto& items) {
            return ops::moveToWaitingChildren(queue_, redis_, items, clock_.wallMs());
        });
    }
    if (!settlement_.handBack.empty()) {
        // Each goes to the front: the newest first, so that the oldest ends up foremost.
        const auto newer = [](const auto& a, const auto& b) {
            return a.run->sequence() > b.run->sequence();
        };
        if (!std::is_sorted(settlement_.handBack.begin(), settlement_.handBack.end(), newer)) {
            std::stable_sort(settlement_.handBack.begin(), settlement_.handBack.end(), newer);
        }
        return send(settlement_.handBack, Ending::HandedBack, [this](const auto& items) {
            return ops::handBackJobs(queue_, redis_, items, clock_.wallMs());
        });
    }
    return std::nullopt;
}

template <typename Item, typename Call>
SettlementSender::Sent SettlementSender::send(std::vector<Pending<Item>>& pending,
                                              Ending ending,
                                              Call call) {
    std::vector<Item> items;
    std::size_t bytes = 0;
    while (items.size() < std::min<std::size_t>(pending.size(), Settlement::kMostPerCall) &&
           bytes < Settlement::kEnoughBytes) {
        items.push_back(pending[items.size()].item);
        bytes += bytesOf(items.back());
    }
    const std::size_t count = items.size();
    SettleResult result;
    redis_.connection();  // Throws before anything is sent: the entries stay as they are.
    try {
        result = call(items);
    } catch (const RedisBusyException&) {
        throw;  // Redis refused the whole call: nothing was done.
    } catch (...) {
        // The script may have run; the entries carry that when they are sent again.
        for (std::size_t i = 0; i < count; ++i) {
            pending[i].sentBefore = true;
        }
        throw;
    }
    Sent sent;
    sent.problems = std::move(result.problems);
    sent.runs.reserve(count);
    for (std::size_t i = 0; i < count; ++i) {
        sent.runs.push_back(
            {std::move(pending[i].run), ending, pending[i].sentBefore, result.codes[i]});
    }
    pending.erase(pending.begin(), pending.begin() + static_cast<std::ptrdiff_t>(count));
    return sent;
}

}  // namespace drover
