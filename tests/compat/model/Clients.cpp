#include "compat/model/Clients.h"

#include <chrono>

#include "compat/model/ModelSpec.h"
#include "core/JsonText.h"
#include "drover/Exceptions.h"
#include "redis/Command.h"

namespace drover::test {

namespace {

/// Longer than any run: neither a lock nor a stalled check ends by itself.
constexpr std::chrono::hours kLong{1};

AdvanceRequest claimRequest(int count, const std::string& token) {
    AdvanceRequest request;
    request.claim = count;
    request.token = token;
    request.lockDuration = kLong;
    return request;
}

}  // namespace

std::string coded(const std::function<std::string()>& act) {
    try {
        return act();
    } catch (const PeerError& e) {
        if (e.code == 0) {
            throw;
        }
        return std::to_string(e.code);
    } catch (const ScriptException& e) {
        return std::to_string(e.code());
    } catch (const JobStateException& e) {
        return std::to_string(e.code());
    }
}

std::string plainName(const std::string& queue) {
    return queue.substr(queue.find(':') + 1);
}

ModelClients::ModelClients(NodePeer& peer,
                           RedisClient& redis,
                           RedisOptions options,
                           const std::vector<std::string>& queues)
    : peer_(peer), redis_(redis) {
    command({"ACL", "SETUSER", "default", "-time"});
    options.time = std::make_shared<ServerTime>(clock_);
    // In a cluster it stays at the slot of the queues: handles of other slots have clocks of their own.
    const Redis handle(std::make_shared<Redis::Shared>(options));
    flows_ = std::make_unique<FlowProducer>(handle, FlowProducer::Settings());
    for (const std::string& qualified : queues) {
        const std::string name = plainName(qualified);
        Ours& ours = ours_[qualified];
        ours.context = std::make_unique<QueueContext>(QueueKeys("bull", name));
        Queue::Settings settings;
        settings.name = name;
        settings.addTimeout = std::chrono::seconds(10);
        ours.queue = std::make_unique<WholeQueue>(handle, settings);
        ours.control = std::make_unique<JobControl>(handle, JobControl::Settings{"bull", name});
        ours.maintenance =
            std::make_unique<QueueMaintenance>(handle, QueueMaintenance::Settings{"bull", name});
        ours.schedulers =
            std::make_unique<JobSchedulers>(handle, JobSchedulers::Settings{"bull", name});
        ours.iterator = std::make_unique<SchedulerIterator>(*ours.context);
        node("queue.open", qualified, "");
        node("worker.start",
             qualified,
             R"("opts":{"autorun":false,"lockDuration":3600000,)"
             R"("stalledInterval":3600000,"maxStalledCount":1})");
    }
}

ModelClients::~ModelClients() {
    command({"ACL", "SETUSER", "default", "+time"});
}

rapidjson::Document ModelClients::node(const std::string& operation,
                                       const std::string& queue,
                                       const std::string& arguments) {
    return peer_.call(operation,
                      "\"queue\":\"" + plainName(queue) + "\",\"worker\":\"" + queue +
                          "\",\"now\":" + std::to_string(now()) +
                          (arguments.empty() ? "" : "," + arguments));
}

rapidjson::Document ModelClients::nodeQueue(const std::string& queue,
                                            const std::string& method,
                                            const std::string& args) {
    return node("queue." + method, queue, "\"args\":[" + args + "]");
}

rapidjson::Document ModelClients::nodeJob(const std::string& key,
                                          const std::string& method,
                                          const std::string& args) {
    return node("job." + method,
                queueNameOf(key),
                "\"job\":" + jsonString(idOf(key)) + ",\"args\":[" + args + "]");
}

rapidjson::Document ModelClients::nodeWorkerJob(const std::string& key,
                                                const std::string& method,
                                                const std::string& args) {
    return node("worker.job",
                queueNameOf(key),
                "\"job\":" + jsonString(idOf(key)) + ",\"method\":\"" + method + "\",\"args\":[" +
                    args + "]");
}

std::string ModelClients::nodeFlow(const std::string& flow) {
    return peer_.call("flow.add", "\"now\":" + std::to_string(now()) + ",\"args\":[" + flow + "]")
        .GetString();
}

ModelClients::Ours& ModelClients::ours(const std::string& key) {
    const auto found = ours_.find(key);
    return found != ours_.end() ? found->second : ours_.at(queueNameOf(key));
}

std::string ModelClients::remember(const std::string& queue, const std::vector<ClaimedJob>& jobs) {
    std::string ids;
    for (const ClaimedJob& job : jobs) {
        ids += (ids.empty() ? "" : " | ") + job.id;
        claimed_[queue + ":" + job.id] = job;
    }
    return ids;
}

std::string ModelClients::claim(const std::string& queue, int count, const std::string& token) {
    Ours& side = ours(queue);
    const auto jobs = ops::advance(*side.context, redis_, claimRequest(count, token), now()).jobs();
    for (const ClaimedJob& job : jobs) {
        if (!job.scheduler.empty()) {
            side.iterator->iterate(redis_, job, now());
        }
    }
    return remember(queue, jobs);
}

std::string ModelClients::finish(const std::string& queue,
                                 const FinishItem& item,
                                 int claim,
                                 const std::string& nextToken) {
    AdvanceRequest both = claimRequest(claim, nextToken);
    both.finish.push_back(item);
    const AdvanceResult result = ops::advance(*ours(queue).context, redis_, both, now());
    return std::to_string(result.codes.at(0)) + " " + remember(queue, result.jobs());
}

const ClaimedJob* ModelClients::claimed(const std::string& key) const {
    const auto found = claimed_.find(key);
    return found == claimed_.end() ? nullptr : &found->second;
}

Reply ModelClients::command(const std::vector<std::string>& args) {
    Command command;
    for (const std::string& arg : args) {
        command.add(arg);
    }
    return redis_.call(command);
}

void ModelClients::restart() {
    command({"FLUSHALL"});
    claimed_.clear();
    for (const auto& [queue, ours] : ours_) {
        command({"HSET", queue + ":meta", "opts.maxLenEvents", "10000"});
    }
}

}  // namespace drover::test
