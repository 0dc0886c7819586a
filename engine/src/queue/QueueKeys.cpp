#include "queue/QueueKeys.h"

#include <locale>
#include <sstream>

#include <Poco/Base64Encoder.h>
#include <Poco/Exception.h>

#include "core/Names.h"

namespace drover {

namespace {

std::string checkedName(std::string_view prefix, std::string_view queue) {
    if (const std::string error = queueNameError(queue); !error.empty()) {
        throw Poco::InvalidArgumentException(error);
    }
    return std::string(prefix) + ":" + std::string(queue);
}

}  // namespace

QueueKeys::QueueKeys(std::string_view prefix, std::string_view queue)
    : QueueKeys(checkedName(prefix, queue), std::string(prefix), std::string(queue)) {}

QueueKeys::QueueKeys(const std::string& qualifiedName, std::string prefix, std::string queue)
    : wait(qualifiedName + ":wait"),
      paused(qualifiedName + ":paused"),
      active(qualifiedName + ":active"),
      prioritized(qualifiedName + ":prioritized"),
      delayed(qualifiedName + ":delayed"),
      waitingChildren(qualifiedName + ":waiting-children"),
      completed(qualifiedName + ":completed"),
      failed(qualifiedName + ":failed"),
      idCounter(qualifiedName + ":id"),
      meta(qualifiedName + ":meta"),
      events(qualifiedName + ":events"),
      marker(qualifiedName + ":marker"),
      pc(qualifiedName + ":pc"),
      limiter(qualifiedName + ":limiter"),
      stalled(qualifiedName + ":stalled"),
      stalledCheck(qualifiedName + ":stalled-check"),
      repeat(qualifiedName + ":repeat"),
      cancel(qualifiedName + ":drover:cancel"),
      cancels(qualifiedName + ":drover:cancels"),
      rescue(qualifiedName + ":drover:rescue"),
      rescueShared(qualifiedName + ":drover:rescue-shared"),
      qualifiedName_(qualifiedName),
      jobPrefix_(qualifiedName + ":"),
      prefix_(std::move(prefix)),
      queue_(std::move(queue)) {}

std::string QueueKeys::workerClientName(std::string_view workerName) const {
    std::ostringstream encoded;
    encoded.imbue(std::locale::classic());  // A handler may have chosen another one.
    Poco::Base64Encoder encoder(encoded);
    encoder.rdbuf()->setLineLength(0);
    encoder << queue_;
    encoder.close();
    std::string name = prefix_ + ":" + encoded.str();
    if (!workerName.empty()) {
        name += ":w:" + std::string(workerName);
    }
    return name;
}

}  // namespace drover
