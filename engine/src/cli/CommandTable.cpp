#include "cli/CommandTable.h"

/// One row for each file of cli/commands, which defines `std::unique_ptr<Command> make<File>()`.
#define DROVER_COMMANDS(ROW) \
    ROW(Run)                 \
    ROW(ConfigCheck)         \
    ROW(ConfigShow)          \
    ROW(Health)              \
    ROW(PluginCheck)         \
    ROW(PluginList)          \
    ROW(DbMigrate)           \
    ROW(DbStatus)            \
    ROW(DbPrune)             \
    ROW(QueueList)           \
    ROW(QueueShow)           \
    ROW(QueueTop)            \
    ROW(QueuePause)          \
    ROW(QueueResume)         \
    ROW(QueueDrain)          \
    ROW(QueueClean)          \
    ROW(QueueObliterate)     \
    ROW(QueueDoctor)         \
    ROW(JobAdd)              \
    ROW(JobShow)             \
    ROW(JobList)             \
    ROW(JobRetry)            \
    ROW(JobPromote)          \
    ROW(JobRemove)           \
    ROW(JobCancel)           \
    ROW(JobLogs)             \
    ROW(JobWatch)            \
    ROW(SchedulerList)       \
    ROW(SchedulerShow)       \
    ROW(SchedulerUpsert)     \
    ROW(SchedulerRemove)     \
    ROW(FlowAdd)             \
    ROW(FlowShow)            \
    ROW(WorkerList)          \
    ROW(WorkerQuiet)         \
    ROW(WorkerResume)        \
    ROW(ProcessList)         \
    ROW(PluginNew)           \
    ROW(TokenNew)            \
    ROW(Version)             \
    ROW(Help)

namespace drover::cli {

#define DROVER_DECLARE(Name) std::unique_ptr<Command> make##Name();
DROVER_COMMANDS(DROVER_DECLARE)
#undef DROVER_DECLARE

CommandTable::CommandTable() {
#define DROVER_ADD(Name) commands_.push_back(make##Name());
    DROVER_COMMANDS(DROVER_ADD)
#undef DROVER_ADD
}

std::vector<const Command*> CommandTable::all() const {
    std::vector<const Command*> found;
    for (const auto& command : commands_) {
        found.push_back(command.get());
    }
    return found;
}

std::vector<const Command*> CommandTable::ofNoun(const std::string& noun) const {
    std::vector<const Command*> found;
    for (const auto& command : commands_) {
        if (command->name().compare(0, noun.size() + 1, noun + " ") == 0) {
            found.push_back(command.get());
        }
    }
    return found;
}

const Command* CommandTable::find(const std::string& name) const {
    for (const auto& command : commands_) {
        if (command->name() == name) {
            return command.get();
        }
    }
    return nullptr;
}

}  // namespace drover::cli
