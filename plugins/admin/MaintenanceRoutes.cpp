#include "MaintenanceRoutes.h"

#include <chrono>
#include <limits>
#include <utility>

#include "Schemas.h"
#include "drover/QueueMaintenance.h"
#include "drover/operate/OperateJson.h"
#include "drover/operate/QueueDoctor.h"

namespace drover::admin {

namespace {

constexpr std::int64_t kLatestMs = 8640000000000000;  ///< The last date of JavaScript.

using Kind = Scope::Kind;
using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr std::int64_t kDefaultTimeMs = 25000;
constexpr std::int64_t kMostTimeMs = 600000;
/// For the wait for a thread, and for the call that runs when the time is over.
constexpr milliseconds kMargin{60000};

/// Decides after each call whether a request goes on.
class Turn {
public:
    Turn(const Responder& responder, const LongWork& work, Clock::time_point end)
        : responder_(responder), work_(work), end_(end) {}

    [[nodiscard]] bool goesOn() {
        ended_ = responder_.clientLeft() || work_.isStopping() || Clock::now() >= end_;
        return !ended_;
    }
    /// Returns true if the work ended before it was done.
    [[nodiscard]] bool hasMore() const { return ended_; }

private:
    const Responder& responder_;
    const LongWork& work_;
    const Clock::time_point end_;
    bool ended_ = false;
};

using Work = std::function<Response(const AdminQueues&, const Request&, Turn&)>;

void begin(const Queues& queues,
           const std::shared_ptr<LongWork>& threads,
           const Work& work,
           Exchange&& arrived) {
    const auto exchange = std::make_shared<Exchange>(std::move(arrived));
    const bool accepted = threads->run([queues, threads = threads.get(), work, exchange] {
        if (exchange->responder.clientLeft()) {
            return;
        }
        try {
            queues->require(exchange->request.text("queue"));
            const milliseconds time(integerOr(exchange->request, "timeoutMs", kDefaultTimeMs));
            Turn turn(exchange->responder, *threads, Clock::now() + time);
            exchange->responder.respond(
                translated([&] { return work(*queues, exchange->request, turn); }));
        } catch (const HttpError& error) {
            exchange->responder.respond(errorAnswer(error));
        }
    });
    if (!accepted) {
        exchange->responder.respond(
            errorAnswer(HttpError(503, "Too many long requests are under way", 5)));
    }
}

Route longRoute(const Queues& queues,
                const std::shared_ptr<LongWork>& threads,
                Route route,
                Work work) {
    route.parameters.push_back(numberParameter(
        "timeoutMs",
        "The request ends after this many ms, 25000 without it; the same request then goes on.",
        1,
        kMostTimeMs));
    route.answerTimeout = milliseconds(kMostTimeMs) + kMargin;
    route.asyncHandler = [queues, threads, work = std::move(work)](std::vector<Exchange> arrived) {
        for (Exchange& exchange : arrived) {
            begin(queues, threads, work, std::move(exchange));
        }
    };
    return route;
}

Response done(const Request& request, std::size_t jobs, bool more) {
    return json([&](JsonWriter& out) {
        out.beginObject().key("queue").text(request.text("queue"));
        out.key("done").number(jobs).key("more").boolean(more).endObject();
    });
}

/// Describes a route that counts jobs, and makes it of `work`.
Route counting(
    const Queues& queues,
    const std::shared_ptr<LongWork>& threads,
    Route route,
    std::function<std::size_t(QueueMaintenance&, const Request&, const QueueMaintenance::Calls&)>
        work) {
    answers(
        route,
        "How many jobs it was; with more the same request goes on",
        R"({"type":"object","required":["queue","done","more"],"properties":{"queue":{"type":"string"},)"
        R"("done":{"type":"integer"},"more":{"type":"boolean"}}})");
    mayConflict(route, "The queue is in another state, or a key of it has another type");
    return longRoute(
        queues,
        threads,
        std::move(route),
        [work = std::move(work)](const AdminQueues& all, const Request& request, Turn& turn) {
            QueueMaintenance::Calls calls;
            calls.onProgress = [&turn](std::size_t) { return turn.goesOn(); };
            std::size_t jobs = 0;
            all.each<QueueMaintenance>(request.text("queue"),
                                       [&](QueueMaintenance& queue, const std::string&) {
                                           if (!turn.hasMore()) {
                                               jobs += work(queue, request, calls);
                                           }
                                       });
            return done(request, jobs, turn.hasMore());
        });
}

Route doctor(const Queues& queues, const std::shared_ptr<LongWork>& threads, bool repairs) {
    Route route =
        repairs
            ? describe("POST",
                       "/queues/{queue}/doctor/fix",
                       Kind::Destroy,
                       "Look for faults of a queue, and repair what is safe.")
            : describe("GET", "/queues/{queue}/doctor", Kind::Read, "Look for faults of a queue.");
    const std::string findings = std::string(R"({"type":"array","items":)") + kFindingSchema + "}";
    answers(
        route,
        "The findings; not complete: the time was over, or there were 1,000 of them",
        R"({"type":"object","properties":{"queue":{"type":"string"},"complete":{"type":"boolean"},"findings":)" +
            findings + R"(,"repaired":)" + findings + "}}");
    mayConflict(route, "A key of the queue has another type");
    return longRoute(
        queues,
        threads,
        std::move(route),
        [repairs](const AdminQueues& all, const Request& request, Turn& turn) {
            auto examiner = all.part<QueueDoctor>(request.text("queue"));
            QueueDoctor::Calls calls;
            calls.onProgress = [&turn](const QueueDoctor::Progress&) { return turn.goesOn(); };
            const QueueDoctor::Report report = examiner.examine(calls);
            const std::vector<QueueFinding> repaired =
                repairs ? examiner.repair(report.findings) : std::vector<QueueFinding>();
            return json([&](JsonWriter& out) {
                operate::write(out, request.text("queue"), report, repaired);
            });
        });
}

Route serverDoctor(const Queues& queues) {
    Route route = describe(
        "GET", "/server/doctor", Kind::Read, "Look for faults of the Redis of all queues.");
    answers(
        route, "The findings", std::string(R"({"type":"array","items":)") + kFindingSchema + "}");
    route.handler = pooled(queues, [](const AdminQueues& all, const Request&) {
        return json([&](JsonWriter& out) {
            out.beginArray();
            for (const QueueFinding& finding : QueueDoctor::examineServer(all.redis())) {
                operate::write(out, finding);
            }
            out.endArray();
        });
    });
    return route;
}

}  // namespace

std::vector<Route> maintenanceRoutes(const Queues& queues, const std::shared_ptr<LongWork>& work) {
    using Calls = QueueMaintenance::Calls;
    Route drains =
        describe("POST", "/queues/{queue}/drain", Kind::Destroy, "Remove all jobs that wait.");
    drains.parameters.push_back(
        flagParameter("delayed", "Removes delayed jobs as well; false without it."));
    Route cleans =
        describe("POST", "/queues/{queue}/clean", Kind::Destroy, "Remove old jobs of a state.");
    cleans.parameters.push_back(
        textParameter("state",
                      "completed, which it is without it, failed, waiting, active, delayed or "
                      "prioritized."));
    cleans.parameters.push_back(numberParameter(
        "graceMs",
        "Leaves jobs that ended, began or were added within so many ms; 0 without it.",
        0,
        kFarthest));
    cleans.parameters.push_back(numberParameter("limit",
                                                "The most jobs, the oldest first; all without it.",
                                                1,
                                                std::numeric_limits<std::int32_t>::max()));
    Route obliterates = describe("POST",
                                 "/queues/{queue}/obliterate",
                                 Kind::Destroy,
                                 "Pause a queue, and remove it with all that it has.");
    obliterates.parameters.push_back(
        flagParameter("force", "Removes active jobs as well; false without it."));
    Route retries = describe("POST",
                             "/queues/{queue}/retry",
                             Kind::Operate,
                             "Let all failed or completed jobs run again.");
    retries.parameters.push_back(
        textParameter("state", "failed, which it is without it, or completed."));
    retries.parameters.push_back(
        numberParameter("untilMs",
                        "Only jobs that ended by then, in ms since the epoch; by now without it.",
                        0,
                        kLatestMs));
    Route promotes =
        describe("POST", "/queues/{queue}/promote", Kind::Operate, "Let all delayed jobs run now.");

    std::vector<Route> routes;
    routes.push_back(
        counting(queues,
                 work,
                 std::move(drains),
                 [](QueueMaintenance& queue, const Request& request, const Calls& calls) {
                     return queue.drain(flagOr(request, "delayed", false), calls);
                 }));
    routes.push_back(
        counting(queues,
                 work,
                 std::move(cleans),
                 [](QueueMaintenance& queue, const Request& request, const Calls& calls) {
                     QueueMaintenance::Clean clean;
                     clean.state = parseJobState(textOr(request, "state", "completed"));
                     clean.grace = milliseconds(integerOr(request, "graceMs", 0));
                     clean.limit = static_cast<std::size_t>(integerOr(request, "limit", 0));
                     return queue.clean(clean, calls).size();
                 }));
    routes.push_back(
        counting(queues,
                 work,
                 std::move(obliterates),
                 [](QueueMaintenance& queue, const Request& request, const Calls& calls) {
                     return queue.obliterate(flagOr(request, "force", false), calls);
                 }));
    routes.push_back(counting(
        queues,
        work,
        std::move(retries),
        [](QueueMaintenance& queue, const Request& request, const Calls& calls) {
            std::optional<std::int64_t> until;
            if (request.has("untilMs")) {
                until = request.integer("untilMs");
            }
            return queue.retryJobs(parseJobState(textOr(request, "state", "failed")), until, calls);
        }));
    routes.push_back(counting(queues,
                              work,
                              std::move(promotes),
                              [](QueueMaintenance& queue, const Request&, const Calls& calls) {
                                  return queue.promoteJobs(calls);
                              }));
    routes.push_back(doctor(queues, work, false));
    routes.push_back(doctor(queues, work, true));
    routes.push_back(serverDoctor(queues));
    return routes;
}

}  // namespace drover::admin
