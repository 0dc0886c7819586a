#pragma once

#include <memory>
#include <utility>

#include "drover/Queue.h"
#include "drover/QueueControl.h"
#include "drover/QueueReader.h"
#include "redis/RedisShared.h"

namespace drover::test {

/// Returns a handle of the server of these options, which shares what is known of it; of the whole cluster.
inline Redis handleOf(RedisOptions options) {
    options.slot = -1;
    return Redis(std::make_shared<Redis::Shared>(std::move(options)));
}

/// One queue, with everything that its producers, readers and operators do.
class WholeQueue : public Queue, public QueueReader, public QueueControl {
public:
    WholeQueue(const Redis& redis, const Queue::Settings& settings)
        : Queue(redis, settings),
          QueueReader(redis, {settings.prefix, settings.name}),
          QueueControl(redis, {settings.prefix, settings.name, settings.bullmq5}) {}
    WholeQueue(const RedisOptions& options, const Queue::Settings& settings)
        : WholeQueue(handleOf(options), settings) {}
};

}  // namespace drover::test
