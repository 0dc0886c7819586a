#include "drover/operate/ProcessList.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <tuple>
#include <utility>

#include "drover/Json.h"
#include "queue/ops/Processes.h"
#include "redis/RedisShared.h"

namespace drover::operate {

std::vector<std::string> processReports(const Redis& redis, const std::string& prefix) {
    struct Entry {
        std::string host;
        std::int64_t pid;
        std::string report;
    };
    std::vector<std::string> reports;
    {
        const ProcessKeys keys(prefix);
        const Redis server = serverOf(redis, keys.base);
        const ClientPool::Lease client = server.shared().lease();
        reports = ops::processReports(*client, keys);
    }
    std::vector<Entry> entries;
    for (std::string& report : reports) {
        const std::optional<JsonView> view = JsonView::tryParse(report);
        if (!view || !view->isObject()) {
            continue;  // Written by another program.
        }
        std::string host = (*view)["host"].string().value_or("");
        const std::int64_t pid = (*view)["pid"].integer().value_or(0);
        entries.push_back({std::move(host), pid, std::move(report)});
    }
    std::sort(entries.begin(), entries.end(), [](const Entry& left, const Entry& right) {
        return std::tie(left.host, left.pid) < std::tie(right.host, right.pid);
    });
    std::vector<std::string> sorted;
    sorted.reserve(entries.size());
    for (Entry& entry : entries) {
        sorted.push_back(std::move(entry.report));
    }
    return sorted;
}

}  // namespace drover::operate
