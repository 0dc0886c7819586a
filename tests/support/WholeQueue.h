#pragma once

#include <memory>

#include "drover/Queue.h"
#include "drover/QueueControl.h"
#include "drover/QueueReader.h"
#include "redis/RedisShared.h"

namespace drover::test {

/// Returns a handle of the server of these options, which shares what is known of it.
inline Redis handleOf(const RedisOptions& options) {
    return Redis(std::make_shared<Redis::Shared>(options));
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
