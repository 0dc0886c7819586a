#include "BoardRoutes.h"

#include <algorithm>
#include <chrono>
#include <functional>
#include <optional>
#include <set>
#include <string_view>
#include <utility>

#include <Poco/Exception.h>

#include "BoardAnswer.h"
#include "BoardFlow.h"
#include "BoardInputs.h"
#include "BoardJson.h"
#include "BoardPage.h"
#include "BoardQueues.h"
#include "drover/ErrorCode.h"
#include "drover/Exceptions.h"

namespace drover::board {

namespace {

using std::chrono::milliseconds;

/// The board removes no job that ended, or was added, less long ago.
constexpr milliseconds kCleanGrace{5000};
constexpr std::int64_t kRetryPage = 100;
constexpr std::chrono::seconds kAddTimeout{5};
constexpr const char* kIdempotencyKey = "Idempotency-Key";

/// Passes a request for a queue to its handler.
struct Call {
    const Request& request;
    const BoardQueues& queues;
    BoardQueue& queue;
};
/// Passes a request for a job to its handler.
struct JobCall {
    const Request& request;
    const BoardQueues& queues;
    BoardQueue& queue;
    const Job& job;
};

std::int64_t nowMs() {
    return std::chrono::duration_cast<milliseconds>(
               std::chrono::system_clock::now().time_since_epoch())
        .count();
}

bool readOnly(const Request& request) {
    return request.token && !request.token->allows({Scope::Kind::Operate});
}

bool isCode(const JobStateException& error, ErrorCode code) {
    return error.code() == static_cast<int>(code);
}

JsonView bodyOf(const Request& request) {
    return JsonView::parse(request.body);
}

// The board as a whole.

Response redisStats(const Request&, const BoardQueues& queues) {
    JsonWriter out;
    writeRedisStats(out, queues.redis().info());
    return jsonAnswer(std::move(out).str());
}

Response listQueues(const Request& request, const BoardQueues& queues) {
    const QueuesQuery query = parseQueuesQuery(request);
    JsonWriter out;
    out.beginObject().key("queues").beginArray();
    for (const std::string& name : queues.names()) {
        BoardPageOf page = query.page;
        page.withJobs = name == query.activeQueue;
        if (!page.withJobs) {
            page.states = shownStates();
        }
        writeQueue(out, queues.open(name), page, readOnly(request));
    }
    return jsonAnswer(std::move(out.endArray().endObject()).str());
}

Response listSchedulers(const Request& request, const BoardQueues& queues) {
    const std::string wanted = queryText(request, "queueName");
    JsonWriter out;
    out.beginObject().key("schedulers").beginArray();
    for (const std::string& name : queues.names()) {
        if (!wanted.empty() && wanted != name) {
            continue;
        }
        const BoardQueue queue = queues.open(name);
        for (const JobScheduler& one :
             queue.schedulers.list(0, -1, JobSchedulers::Order::LatestFirst)) {
            writeScheduler(out, queue, one);
        }
    }
    return jsonAnswer(std::move(out.endArray().endObject()).str());
}

/// Pauses or resumes the queues that are not yet so.
Response steerAll(const BoardQueues& queues, bool pause) {
    for (const std::string& name : queues.names()) {
        BoardQueue queue = queues.open(name);
        if (queue.reader.isPaused() != pause) {
            pause ? queue.control.pause() : queue.control.resume();
        }
    }
    return emptyAnswer();
}

// One queue.

Response metrics(const Call& call) {
    JsonWriter out;
    out.beginObject().key("completed");
    writeMetrics(out, call.queue.reader.metrics(JobState::Completed));
    out.key("failed");
    writeMetrics(out, call.queue.reader.metrics(JobState::Failed));
    return jsonAnswer(std::move(out.endObject()).str());
}

Response workers(const Call& call) {
    JsonWriter out;
    out.beginObject().key("workers");
    writeWorkers(out, call.queue);
    return jsonAnswer(std::move(out.endObject()).str());
}

Response rateLimit(const Call& call) {
    const QueueMeta meta = call.queue.reader.meta();
    JsonWriter out;
    out.beginObject().key("supported").boolean(true).key("rateLimit");
    if (meta.max && meta.durationMs) {
        out.beginObject().key("max").number(*meta.max);
        out.key("duration").number(*meta.durationMs).endObject();
    } else {
        out.null();
    }
    return jsonAnswer(std::move(out.endObject()).str());
}

/// Answers for a queue that is full. The page has no text for it and shows the message.
Response full(const AddResult& result) {
    const bool isQueue = result.status == AddResult::Status::QueueFull;
    Response answer =
        errorAnswer(isQueue ? 429 : 503,
                    {"ERRORS.INTERNAL_SERVER_ERROR"},
                    {.message = result.message, .code = isQueue ? "QUEUE_FULL" : "MEMORY_FULL"});
    answer.headers.emplace_back(
        "Retry-After",
        std::to_string(std::chrono::ceil<std::chrono::seconds>(result.retryAfter).count()));
    return answer;
}

/// Adds by a queue of its own: people add now and then, and a queue that stays costs two threads.
Response added(const Call& call, const NewJob& job, bool withState) {
    if (call.request.headers.count(kIdempotencyKey) != 0) {
        return errorAnswer(400,
                           {"ERRORS.INVALID_REQUEST_BODY", {{"field", kIdempotencyKey}}},
                           {.message = "The board adds a job each time and has no Idempotency-Key; "
                                       "POST /queues/QUEUE/jobs has",
                            .code = "INVALID_REQUEST"});
    }
    const BoardQueue& to = call.queue;
    Queue queue(call.queues.redis(), to.settings);
    const AddResult result = queue.add(job, Queue::Clock::now() + kAddTimeout);
    switch (result.status) {
        case AddResult::Status::Added:
            break;
        case AddResult::Status::Rejected:
            return errorAnswer(400,
                               {"ERRORS.INVALID_REQUEST_BODY", {{"field", "options"}}},
                               {.message = result.message, .code = "INVALID_REQUEST"});
        case AddResult::Status::QueueFull:
        case AddResult::Status::MemoryFull:
            return full(result);
        default:
            return errorAnswer(503, {"ERRORS.REDIS_UNAVAILABLE"}, {.message = result.message});
    }
    JsonWriter out;
    out.beginObject().key("job");
    writeJob(out, addedJob(job, result, to.qualifiedName));
    if (withState) {
        out.key("status").text(toString(to.reader.state(result.id)));
    }
    return jsonAnswer(std::move(out.endObject()).str());
}

Response add(const Call& call) {
    return added(call, parseNewJob(bodyOf(call.request)), true);
}

/// Retries each job by itself, the latest first, so that priorities count: the call for many jobs ignores them.
Response retryAll(const Call& call) {
    const std::string& status = call.request.text("queueStatus");
    if (status != "failed" && status != "completed") {
        return errorAnswer(400, {"ERRORS.STATUS_NOT_RETRIABLE", {{"status", status}}});
    }
    const JobState state = parseJobState(status);
    const auto total = static_cast<std::size_t>(call.queue.reader.count({state}));
    std::set<std::string> retried;
    while (retried.size() < total) {
        const std::size_t before = retried.size();
        for (const Job& job : call.queue.reader.jobs({state}, {0, kRetryPage - 1}).jobs) {
            // A job that has failed again since is not retried twice.
            if (retried.insert(job.id).second) {
                call.queue.jobs.retry(job.id, {.from = state});
            }
        }
        if (retried.size() == before) {
            break;
        }
    }
    JsonWriter out;
    out.beginObject().key("retried").number(retried.size());
    out.key("skipped").number(total > retried.size() ? total - retried.size() : 0);
    return jsonAnswer(std::move(out.endObject()).str());
}

Response cleanAll(const Call& call) {
    const std::string& status = call.request.text("queueStatus");
    QueueMaintenance::Clean clean;
    clean.grace = kCleanGrace;
    try {
        // The list of older versions is cleaned with the jobs that wait.
        clean.state = parseJobState(status == "paused" ? "waiting" : status);
        static_cast<void>(call.queue.maintenance.clean(clean));
    } catch (const Poco::InvalidArgumentException& error) {
        return errorAnswer(400,
                           {"ERRORS.INVALID_QUERY_PARAM", {{"field", "queueStatus"}}},
                           {.message = error.message(), .code = "INVALID_REQUEST"});
    }
    return emptyAnswer();
}

Response obliterate(const Call& call) {
    const bool force = parseForce(bodyOf(call.request));
    if (!call.queue.reader.isPaused()) {
        return errorAnswer(400, {"ERRORS.QUEUE_NOT_PAUSED"});
    }
    try {
        static_cast<void>(call.queue.maintenance.obliterate(force));
    } catch (const JobStateException&) {
        const PageText detail{"ERRORS.QUEUE_HAS_ACTIVE_JOBS_DETAILS"};
        return errorAnswer(409, {"ERRORS.QUEUE_HAS_ACTIVE_JOBS"}, {.detail = &detail});
    }
    return emptyAnswer();
}

Response setConcurrency(const Call& call) {
    const int concurrency = parseConcurrency(bodyOf(call.request));
    concurrency == 0 ? call.queue.control.removeGlobalConcurrency()
                     : call.queue.control.setGlobalConcurrency(concurrency);
    return emptyAnswer();
}

Response setRateLimit(const Call& call) {
    const std::optional<RateLimit> limit = parseRateLimit(bodyOf(call.request));
    limit ? call.queue.control.setGlobalRateLimit(*limit)
          : call.queue.control.removeGlobalRateLimit();
    return emptyAnswer();
}

// A scheduler.

BoardError noScheduler() {
    return {errorAnswer(404, {"ERRORS.JOB_SCHEDULER_NOT_FOUND"})};
}

JobScheduler schedulerOf(const Call& call) {
    auto scheduler = call.queue.schedulers.get(call.request.text("schedulerId"));
    if (!scheduler) {
        throw noScheduler();
    }
    return *std::move(scheduler);
}

Response removeScheduler(const Call& call) {
    if (!call.queue.schedulers.remove(call.request.text("schedulerId"))) {
        throw noScheduler();
    }
    return emptyAnswer(204);
}

/// Gives a scheduler another schedule. Its jobs stay as they are.
Response changeScheduler(const Call& call) {
    const RepeatOptions repeat = parseSchedule(bodyOf(call.request), nowMs());
    const JobScheduler present = schedulerOf(call);
    JobTemplate jobs;
    jobs.name = present.name;
    jobs.data = present.data.value_or("{}");
    jobs.opts = JobOptions::parse(present.opts.value_or("{}"));
    try {
        if (call.queue.schedulers.upsert(present.key, repeat, jobs)) {
            return emptyAnswer(204);
        }
    } catch (const Poco::InvalidArgumentException& error) {
        return errorAnswer(400, {"ERRORS.INVALID_SCHEDULER_PATTERN"}, {.message = error.message()});
    }
    return errorAnswer(400, {"ERRORS.INVALID_SCHEDULER_PATTERN"});
}

/// Adds a job as the scheduler makes them, and leaves its schedule alone.
Response runScheduler(const Call& call) {
    const JobScheduler scheduler = schedulerOf(call);
    NewJob job;
    job.name = scheduler.name;
    job.data = scheduler.data.value_or("{}");
    job.opts = JobOptions::parse(scheduler.opts.value_or("{}"));
    return added(call, job, false);
}

// A job.

Response showJob(const JobCall& call) {
    JsonWriter out;
    out.beginObject().key("job");
    writeJob(out, call.job);
    out.key("status").text(toString(call.queue.reader.state(call.job.id)));
    return jsonAnswer(std::move(out.endObject()).str());
}

Response showLogs(const Call& call) {
    JsonWriter out;
    out.texts(call.queue.reader.logs(call.request.text("jobId")).rows);
    return jsonAnswer(std::move(out).str());
}

Response showFlow(const JobCall& call) {
    return jsonAnswer(parseFlowQuery(call.request).toJson(call.queues, call.queue, call.job));
}

Response retry(const JobCall& call) {
    const JobState state = call.queue.reader.state(call.job.id);
    if (state != JobState::Failed && state != JobState::Completed) {
        return errorAnswer(400, {"ERRORS.JOB_NOT_RETRIABLE", {{"state", toString(state)}}});
    }
    call.queue.jobs.retry(call.job.id, {.from = state});
    return emptyAnswer(204);
}

Response notDelayed(JobState state) {
    return errorAnswer(400, {"ERRORS.JOB_NOT_DELAYED", {{"status", toString(state)}}});
}

Response promote(const JobCall& call) {
    try {
        call.queue.jobs.promote(call.job.id);
    } catch (const JobStateException&) {
        return notDelayed(call.queue.reader.state(call.job.id));
    }
    return emptyAnswer(204);
}

Response nextRunOf(const JobCall& call, const std::string& scheduler) {
    const PageText detail{"ERRORS.JOB_BELONGS_TO_JOB_SCHEDULER_DETAILS",
                          {{"jobId", call.job.id}, {"jobSchedulerId", scheduler}}};
    return errorAnswer(
        400,
        {"ERRORS.JOB_BELONGS_TO_JOB_SCHEDULER"},
        {.detail = &detail, .code = "JOB_BELONGS_TO_JOB_SCHEDULER", .jobSchedulerId = scheduler});
}

Response remove(const JobCall& call) {
    try {
        if (call.queue.jobs.remove(call.job.id)) {
            return emptyAnswer(204);
        }
    } catch (const JobStateException& error) {
        if (isCode(error, ErrorCode::JobBelongsToJobScheduler) && call.job.repeatJobKey) {
            return nextRunOf(call, *call.job.repeatJobKey);
        }
        throw;
    }
    const PageText detail{"ERRORS.JOB_IS_ACTIVE_DETAILS", {{"jobId", call.job.id}}};
    return errorAnswer(409, {"ERRORS.JOB_IS_ACTIVE"}, {.detail = &detail});
}

Response updateData(const JobCall& call) {
    call.queue.jobs.updateData(call.job.id, parseJobData(bodyOf(call.request)));
    return emptyAnswer();
}

Response changeDelay(const JobCall& call) {
    const milliseconds delay = parseDelay(bodyOf(call.request), nowMs());
    const JobState state = call.queue.reader.state(call.job.id);
    if (state != JobState::Delayed) {
        return notDelayed(state);
    }
    call.queue.jobs.changeDelay(call.job.id, delay);
    return emptyAnswer();
}

Response changePriority(const JobCall& call) {
    call.queue.jobs.changePriority(call.job.id, parsePriority(bodyOf(call.request)));
    return emptyAnswer();
}

Response removeChildren(const JobCall& call) {
    const std::int64_t pending = call.queue.reader.childCounts(call.job.id).unprocessed;
    if (pending == 0) {
        return errorAnswer(400, {"ERRORS.JOB_HAS_NO_UNPROCESSED_CHILDREN"});
    }
    static_cast<void>(call.queue.jobs.removeUnprocessedChildren(call.job.id));
    JsonWriter out;
    out.beginObject().key("removed").number(pending).endObject();
    return jsonAnswer(std::move(out).str());
}

// The table.

/// Answers for what may go wrong in every handler.
template <typename Handler>
RouteHandler guarded(Handler handler) {
    return [handler = std::move(handler)](const Request& request) -> Response {
        try {
            return handler(request);
        } catch (const BoardError& error) {
            return error.answer;
        } catch (const RedisIoException& error) {
            return errorAnswer(503, {"ERRORS.REDIS_UNAVAILABLE"}, {.message = error.message()});
        } catch (const Poco::Exception& error) {
            return errorAnswer(500, {"ERRORS.INTERNAL_SERVER_ERROR"}, {.message = error.message()});
        }
    };
}

class Table {
public:
    Table(const std::string& path,
          const std::shared_ptr<const BoardPage>& page,
          const std::shared_ptr<const BoardQueues>& queues)
        : path_(path), page_(page), queues_(queues) {}

    void addPage(const std::string& below, const std::vector<std::string>& parameters = {}) {
        Route& route = begin("GET", below, Scope{Scope::Kind::Read}, parameters);
        route.handler = [page = page_](const Request&) { return page->index(); };
    }

    /// A file below static/, in `depth` folders. No token is needed: everyone can have the package.
    void addFiles(int depth) {
        std::string below = "/static";
        std::vector<std::string> parameters;
        for (int i = 0; i <= depth; ++i) {
            parameters.push_back("part" + std::to_string(i));
            below += "/{" + parameters.back() + "}";
        }
        Route& route = begin("GET", below, std::nullopt, parameters);
        route.handler = [page = page_, parameters](const Request& request) {
            std::string name;
            for (const std::string& parameter : parameters) {
                name += (name.empty() ? "" : "/") + request.text(parameter);
            }
            if (auto file = page->file(name)) {
                return *std::move(file);
            }
            throw HttpError(404, "The board has no file " + name);
        };
    }

    using BoardHandler = std::function<Response(const Request&, const BoardQueues&)>;
    using QueueHandler = std::function<Response(const Call&)>;
    using JobHandler = std::function<Response(const JobCall&)>;

    void addBoard(const char* method,
                  const std::string& below,
                  Scope::Kind scope,
                  BoardHandler handler,
                  const std::vector<std::string>& query = {}) {
        Route& route = begin(method, "/api" + below, Scope{scope}, {}, query);
        route.handler = guarded([queues = queues_, handler = std::move(handler)](
                                    const Request& request) { return handler(request, *queues); });
    }

    /// `below` follows the queue. `more`: its further parameters.
    Route& addQueue(const char* method,
                    const std::string& below,
                    Scope scope,
                    QueueHandler handler,
                    std::vector<std::string> more = {}) {
        more.insert(more.begin(), "queueName");
        Route& route = begin(method, "/api/queues/{queueName}" + below, std::move(scope), more);
        route.handler =
            guarded([queues = queues_, handler = std::move(handler)](const Request& request) {
                BoardQueue queue = queues->open(request.text("queueName"));
                return handler(Call{request, *queues, queue});
            });
        return route;
    }

    Route& addJob(const char* method,
                  const std::string& below,
                  Scope::Kind scope,
                  JobHandler handler,
                  const std::vector<std::string>& query = {}) {
        Route& route = begin(method,
                             "/api/queues/{queueName}/{jobId}" + below,
                             Scope{scope},
                             {"queueName", "jobId"},
                             query);
        route.handler =
            guarded([queues = queues_, handler = std::move(handler)](const Request& request) {
                BoardQueue queue = queues->open(request.text("queueName"));
                const std::optional<Job> job = queue.reader.job(request.text("jobId"));
                if (!job) {
                    throw BoardError{errorAnswer(404, {"ERRORS.JOB_NOT_FOUND"})};
                }
                return handler(JobCall{request, *queues, queue, *job});
            });
        return route;
    }

    [[nodiscard]] std::vector<Route> routes() && { return std::move(routes_); }

private:
    Route& begin(const char* method,
                 const std::string& below,
                 std::optional<Scope> scope,
                 const std::vector<std::string>& path,
                 const std::vector<std::string>& query = {}) {
        Route route;
        route.source = kBoardSource;
        route.method = method;
        route.path = path_ + below;
        route.documented = false;
        route.scope = std::move(scope);
        for (const std::string& name : path) {
            Parameter parameter;
            parameter.name = name;
            route.parameters.push_back(std::move(parameter));
        }
        for (const std::string& name : query) {
            Parameter parameter;
            parameter.name = name;
            parameter.in = Parameter::In::Query;
            parameter.required = false;
            route.parameters.push_back(std::move(parameter));
        }
        routes_.push_back(std::move(route));
        return routes_.back();
    }

    const std::string path_;
    const std::shared_ptr<const BoardPage> page_;
    const std::shared_ptr<const BoardQueues> queues_;
    std::vector<Route> routes_;
};

void addReading(Table& table) {
    constexpr auto kRead = Scope::Kind::Read;
    const auto nothing = [](const Call&) { return emptyAnswer(); };
    table.addBoard("GET", "/redis/stats", kRead, redisStats);
    table.addBoard(
        "GET", "/queues", kRead, listQueues, {"activeQueue", "status", "page", "jobsPerPage"});
    table.addBoard("GET", "/job-schedulers", kRead, listSchedulers, {"queueName"});
    table.addQueue("GET", "/metrics", {kRead}, metrics);
    // Producers know their defaults and the form of their data; Redis has neither.
    table.addQueue("GET", "/default-job-options", {kRead}, nothing);
    table.addQueue("GET", "/job-data-schema", {kRead}, nothing);
    table.addQueue("GET", "/workers", {kRead}, workers);
    table.addQueue("GET", "/rate-limit", {kRead}, rateLimit);
    table.addQueue("GET", "/{jobId}/logs", {kRead}, showLogs, {"jobId"});
    table.addJob("GET", "", kRead, showJob);
    table.addJob("GET", "/flow", kRead, showFlow, {"root", "depth", "maxChildren"});
}

void addQueueActions(Table& table) {
    constexpr auto kOperate = Scope::Kind::Operate;
    constexpr auto kDestroy = Scope::Kind::Destroy;
    table.addBoard("PUT", "/queues/pause", kOperate, [](const Request&, const BoardQueues& all) {
        return steerAll(all, true);
    });
    table.addBoard("PUT", "/queues/resume", kOperate, [](const Request&, const BoardQueues& all) {
        return steerAll(all, false);
    });
    Route& adding = table.addQueue("POST", "/add", {Scope::Kind::Add, "{queueName}"}, add);
    adding.anyJson = true;
    adding.headers = {kIdempotencyKey};
    table.addQueue("PUT", "/retry/{queueStatus}", {kOperate}, retryAll, {"queueStatus"});
    table.addQueue("PUT", "/promote", {kOperate}, [](const Call& call) {
        static_cast<void>(call.queue.maintenance.promoteJobs());
        return emptyAnswer();
    });
    table.addQueue("PUT", "/clean/{queueStatus}", {kDestroy}, cleanAll, {"queueStatus"});
    table.addQueue("PUT", "/pause", {kOperate}, [](const Call& call) {
        call.queue.control.pause();
        return emptyAnswer();
    });
    table.addQueue("PUT", "/resume", {kOperate}, [](const Call& call) {
        call.queue.control.resume();
        return emptyAnswer();
    });
    table.addQueue("PUT", "/concurrency", {kOperate}, setConcurrency).anyJson = true;
    table.addQueue("PUT", "/rate-limit", {kOperate}, setRateLimit).anyJson = true;
    table.addQueue("PUT", "/rate-limit/release", {kOperate}, [](const Call& call) {
        call.queue.control.removeRateLimitKey();
        return emptyAnswer();
    });
    table.addQueue("PUT", "/empty", {kDestroy}, [](const Call& call) {
        static_cast<void>(call.queue.maintenance.drain());
        return emptyAnswer();
    });
    table.addQueue("PUT", "/obliterate", {kDestroy}, obliterate).anyJson = true;
}

void addSchedulerActions(Table& table) {
    const std::string one = "/job-schedulers/{schedulerId}";
    const std::vector<std::string> more = {"schedulerId"};
    table.addQueue("PUT", one + "/remove", {Scope::Kind::Operate}, removeScheduler, more);
    table.addQueue("PATCH", one, {Scope::Kind::Operate}, changeScheduler, more).anyJson = true;
    table.addQueue("PUT", one + "/run", {Scope::Kind::Add, "{queueName}"}, runScheduler, more)
        .headers = {kIdempotencyKey};
}

void addJobActions(Table& table) {
    constexpr auto kOperate = Scope::Kind::Operate;
    constexpr auto kDestroy = Scope::Kind::Destroy;
    table.addJob("PUT", "/retry", kOperate, retry);
    table.addJob("PUT", "/clean", kDestroy, remove);
    table.addJob("PUT", "/promote", kOperate, promote);
    table.addJob("PATCH", "/update-data", kOperate, updateData).anyJson = true;
    table.addJob("PATCH", "/delay", kOperate, changeDelay).anyJson = true;
    table.addJob("PATCH", "/priority", kOperate, changePriority).anyJson = true;
    table.addJob("PUT", "/remove-unprocessed-children", kDestroy, removeChildren);
}

}  // namespace

std::vector<Route> boardRoutes(const std::string& path,
                               const std::shared_ptr<const BoardPage>& page,
                               const std::shared_ptr<const BoardQueues>& queues) {
    Table table(path, page, queues);
    table.addPage("");
    table.addPage("/job-schedulers");
    table.addPage("/queue/{queueName}", {"queueName"});
    table.addPage("/queue/{queueName}/{jobId}", {"queueName", "jobId"});
    constexpr int kDeepest = 2;
    for (int depth = 0; depth <= kDeepest; ++depth) {
        table.addFiles(depth);
    }
    addReading(table);
    addQueueActions(table);
    addSchedulerActions(table);
    addJobActions(table);
    return std::move(table).routes();
}

}  // namespace drover::board
