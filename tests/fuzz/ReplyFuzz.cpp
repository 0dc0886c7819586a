#include <string>

#include <Poco/Exception.h>
#include <hiredis/hiredis.h>
#include <hiredis/read.h>

#include "Fuzz.h"
#include "queue/QueueContext.h"
#include "queue/ops/Advance.h"
#include "redis/Reply.h"

using namespace drover;

/// Bytes of Redis, as the answer of `advance`: refused as of another shape, or jobs.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const ReplyReader reader = makeReplyReader();
    if (redisReaderFeed(reader.get(), reinterpret_cast<const char*>(data), size) != REDIS_OK) {
        return 0;
    }
    while (true) {
        void* parsed = nullptr;
        if (redisReaderGetReply(reader.get(), &parsed) != REDIS_OK || parsed == nullptr) {
            return 0;
        }
        Reply reply(static_cast<redisReply*>(parsed));
        if (reply.isError()) {
            static_cast<void>(classifyError(reply.text()));
            continue;
        }
        try {
            AdvanceRequest request;
            request.claim = 10;
            request.finish.resize(2);
            const AdvanceResult result(std::move(reply), request, "bull:q", 1);
            static_cast<void>(result.jobs());
            static_cast<void>(result.problems());
            static_cast<void>(result.unserved());
            static_cast<void>(result.more());
            static_cast<void>(result.sawBullmq5Paused());
        } catch (const Poco::Exception&) {
        }
    }
}
