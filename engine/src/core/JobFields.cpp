#include "core/JobFields.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "core/HandlerType.h"

namespace drover {

namespace {

constexpr std::size_t kLongestLine = 300;

}  // namespace

std::string queueNameOf(const std::string& qualifiedName) {
    return qualifiedName.substr(qualifiedName.rfind(':') + 1);
}

LogFields fieldsOf(const ClaimedJob& job) {
    return {.queue = queueNameOf(job.queue),
            .job = job.id,
            .jobName = oneLine(job.name),
            .attempt = job.attemptsStarted};
}

LogFields fieldsOf(const RunningJob& job) {
    LogFields fields = fieldsOf(job.job());
    fields.worker = job.workerName();
    return fields;
}

std::string oneLine(std::string text) {
    if (text.size() > kLongestLine) {
        std::size_t end = kLongestLine;
        while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) {
            --end;
        }
        text.resize(end);
        text += "...";
    }
    std::replace_if(
        text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20; }, ' ');
    return text;
}

}  // namespace drover
