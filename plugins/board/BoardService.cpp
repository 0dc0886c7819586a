#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "BoardPage.h"
#include "BoardQueues.h"
#include "BoardRoutes.h"
#include "drover/Exceptions.h"
#include "drover/Service.h"
#include "drover/ServiceKeys.h"

namespace drover::board {

namespace {

/// Returns the parts of a list that commas part, without blanks around them.
std::vector<std::string> partsOf(const std::string& list) {
    std::vector<std::string> parts;
    for (std::size_t at = 0; at <= list.size();) {
        const std::size_t comma = std::min(list.find(',', at), list.size());
        const auto first = list.find_first_not_of(" \t", at);
        if (first < comma) {
            parts.push_back(
                list.substr(first, list.find_last_not_of(" \t", comma - 1) + 1 - first));
        }
        at = comma + 1;
    }
    return parts;
}

/// The settings of queues by name, as one configuration has them.
class SettingsTable {
public:
    explicit SettingsTable(const ServiceContext& context)
        : others_(context.queueSettings("*")) {  // No queue has that name.
        for (const QueueReader::Settings& queue : context.queues()) {
            named_.emplace(queue.name, context.queueSettings(queue.name));
        }
    }

    /// Returns the names of the queues that the process has, sorted.
    [[nodiscard]] std::vector<std::string> names() const {
        std::vector<std::string> names;
        for (const auto& [name, settings] : named_) {
            names.push_back(name);
        }
        return names;
    }
    [[nodiscard]] Queue::Settings of(const std::string& name) const {
        const auto found = named_.find(name);
        Queue::Settings settings = found == named_.end() ? others_ : found->second;
        settings.name = name;
        return settings;
    }

private:
    Queue::Settings others_;
    std::map<std::string, Queue::Settings> named_;
};

/// The service plugin: the board's routes for each configuration.
class BoardService : public Service {
public:
    explicit BoardService(ServiceContext& context) { applyRoutes(context); }

    [[nodiscard]] std::function<void()> prepareReload(ServiceContext& next) override {
        applyRoutes(next);
        return {};
    }

private:
    static void applyRoutes(ServiceContext& context) {
        const ServiceConfig& config = context.config();
        const std::string path = config.text("path");
        if (path.size() < 2 || path.front() != '/' || path.back() == '/' || path == "/api") {
            throw ConfigException(config.origin("path") + ": board.path = " + path +
                                  ": a path such as /board, without '/' at its end");
        }
        const SettingsTable table(context);
        std::vector<std::string> wanted = partsOf(config.text("queues"));
        if (wanted.empty()) {
            wanted = table.names();
        }
        std::shared_ptr<const BoardQueues> queues;
        std::shared_ptr<const BoardPage> page;
        try {
            queues = std::make_shared<const BoardQueues>(
                context.redis(),
                [table](const std::string& name) { return table.of(name); },
                wanted);
        } catch (const ConfigException& error) {
            throw ConfigException(config.origin("queues") + ": board.queues = " +
                                  config.text("queues") + ": " + error.message());
        }
        try {
            page = std::make_shared<const BoardPage>(config.text("ui"), path);
        } catch (const ConfigException& error) {
            throw ConfigException(config.origin("ui") + ": board.ui = " + config.text("ui") + ": " +
                                  error.message());
        }
        context.routes().replace(kBoardSource, boardRoutes(path, page, queues));
    }
};

const ServiceDescriptor kDescriptor = {
    DROVER_BUILD_STAMP,
    "board",
    DROVER_VERSION,
    "Bull Board without Node: its page from disk, its REST contract answered by the engine.",
    {textKey(
         "ui",
         "",
         "Folder of the npm package @bull-board/ui, which plugins/board/package-lock.json names.",
         DROVER_CONFIG_RELOADABLE),
     textKey("path", "/board", "Where the board is served.", DROVER_CONFIG_RELOADABLE),
     textKey("queues",
             "",
             "Queues that the board shows, as names and globs parted by commas: mail-*, reports. "
             "Empty: those of the configuration and of the workers.",
             DROVER_CONFIG_RELOADABLE)},
    {},
    [](ServiceContext& context) -> std::unique_ptr<Service> {
        return std::make_unique<BoardService>(context);
    }};

}  // namespace

}  // namespace drover::board

DROVER_SERVICE(drover::board::kDescriptor);
