#include "worker/AdvanceCalls.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "drover/Exceptions.h"
#include "queue/QueueContext.h"
#include "queue/ops/Advance.h"

namespace drover {

namespace {

constexpr std::size_t kMostUnderWay = 2;

}  // namespace

AdvanceCalls::AdvanceCalls(const QueueContext& queue,
                           RedisClient& redis,
                           Settlement& settlement,
                           LostClaims& lostClaims,
                           const Clock& clock)
    : queue_(queue),
      redis_(redis),
      settlement_(settlement),
      lostClaims_(lostClaims),
      clock_(clock) {}

bool AdvanceCalls::full() const {
    return calls_.size() >= (refused_ ? 1 : kMostUnderWay);
}

std::size_t AdvanceCalls::missing() const {
    return kWorthACall - std::min(settlement_.finish.size(), kWorthACall - 1);
}

bool AdvanceCalls::maySend() const {
    // A call that only claims goes alone: if Redis refuses it, the queue is left alone for a while, answers included.
    return calls_.empty() ||
           (!full() && !calls_.front()->sent.empty() && settlement_.finish.size() >= kWorthACall);
}

int AdvanceCalls::outcomes() const {
    int count = 0;
    std::size_t bytes = 0;
    for (const auto& settled : settlement_.finish) {
        if (count == Settlement::kMostPerCall || bytes >= Settlement::kEnoughBytes) {
            break;
        }
        ++count;
        bytes += settled.item.value.size() + settled.item.stacktrace.size();
    }
    return count;
}

int AdvanceCalls::unanswered() const {
    int change = 0;
    for (const auto& call : calls_) {
        change += call->request.claim - static_cast<int>(call->sent.size());
    }
    return change;
}

AdvanceCalls::Claims AdvanceCalls::claims() const {
    Claims all;
    for (const auto& call : calls_) {
        all.jobs += call->request.claim;
        all.bytes += call->request.claim > 0 ? call->request.enoughBytes : 0;
    }
    return all;
}

AdvanceCalls::Time AdvanceCalls::deadline() const {
    return std::max(calls_.front()->deadline,
                    redis_.lastProgress() + redis_.options().commandTimeout);
}

void AdvanceCalls::send(AdvanceRequest request) {
    redis_.connection();  // Throws before anything is sent: the outcomes stay as they are.
    Call& call = *calls_.emplace_back(std::make_unique<Call>());
    call.request = std::move(request);
    const auto begin = settlement_.finish.begin();
    const auto end = begin + outcomes();
    try {
        call.request.finish.reserve(static_cast<std::size_t>(end - begin));
        call.sent.reserve(static_cast<std::size_t>(end - begin));
        for (auto settled = begin; settled != end; ++settled) {
            call.request.finish.push_back(std::move(settled->item));
            call.sent.push_back({std::move(settled->run), settled->sentBefore});
        }
        settlement_.finish.erase(begin, end);
        call.alone = refused_;
        call.nowMs = clock_.wallMs();
        call.sentAt = clock_.monotonic();
        call.command = ops::advanceCall(queue_, redis_, call.request, call.nowMs);
        redis_.send(call.command);
        call.deadline = clock_.monotonic() + redis_.options().commandTimeout;
    } catch (...) {
        loseAll();
        throw;
    }
}

std::optional<AdvanceCalls::Answer> AdvanceCalls::receive() {
    std::optional<RedisClient::Answered> answered;
    try {
        answered = redis_.receive();
        if (const Time now = clock_.monotonic(); answered || now < deadline()) {
            // The reply may still come.
        } else if (redis_.sendProgressed()) {
            calls_.front()->deadline = now + redis_.options().commandTimeout;
        } else {
            const std::string why = "no reply from Redis within the deadline";
            redis_.fail(why);
            throw RedisTimeoutException(why);
        }
    } catch (...) {
        loseAll();
        throw;
    }
    if (!answered) {
        return std::nullopt;
    }
    const auto found = std::find_if(calls_.begin(), calls_.end(), [&answered](const auto& call) {
        return &call->command == answered->call;
    });
    const std::unique_ptr<Call> call = std::move(*found);
    calls_.erase(found);
    if (underWay()) {
        // Redis begins with the next call only now.
        calls_.front()->deadline = clock_.monotonic() + redis_.options().commandTimeout;
    }
    try {
        redis_.require(answered->reply, "advance");
        Answer answer{
            ops::advanceResult(queue_, std::move(answered->reply), call->request, call->nowMs),
            {},
            call->request.claim,
            call->request.enoughBytes,
            clock_.monotonic() - call->sentAt};
        answer.ended.reserve(call->sent.size());
        for (std::size_t i = 0; i < call->sent.size(); ++i) {
            answer.ended.push_back(
                {std::move(call->sent[i].run),
                 call->request.finish[i].completed ? Ending::Completed : Ending::Failed,
                 call->sent[i].before,
                 answer.result.codes[i]});
        }
        refused_ = refused_ && !call->alone;
        return answer;
    } catch (const ScriptException&) {
        putBack(*call, true);
        refused_ = true;
        if (underWay()) {
            // The other reply may have been read already, so that no poll reports it. The next call, alone, throws.
            return receive();
        }
        throw;
    } catch (const RedisBusyException&) {
        if (underWay()) {
            loseAll();
        }
        putBack(*call, false);
        throw;
    } catch (...) {
        loseAll();
        putBack(*call, true);
        throw;
    }
}

void AdvanceCalls::putBack(Call& call, bool open) {
    std::vector<Pending<FinishItem>> items;
    items.reserve(call.sent.size());
    for (std::size_t i = 0; i < call.sent.size(); ++i) {
        items.push_back({std::move(call.sent[i].run),
                         std::move(call.request.finish[i]),
                         open || call.sent[i].before});
    }
    settlement_.finish.insert(settlement_.finish.begin(),
                              std::make_move_iterator(items.begin()),
                              std::make_move_iterator(items.end()));
    if (open && call.request.claim > 0) {
        lostClaims_.add({call.request.token, call.request.claim});
    }
}

void AdvanceCalls::loseAll() {
    redis_.drop();  // Gone already, mostly. A late reply would answer the next call.
    for (; !calls_.empty(); calls_.pop_back()) {
        putBack(*calls_.back(), true);
    }
}

}  // namespace drover
