#include "ReservationRoutes.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <limits>
#include <string_view>
#include <utility>

#include <Poco/Logger.h>

#include "ReservationRepository.h"
#include "SeatRequestJson.h"
#include "drover/Exceptions.h"
#include "drover/JsonWriter.h"
#include "drover/Unavailable.h"
#include "store/SqlState.h"

namespace drover::reservation {

namespace {

constexpr int kRetryAfterSeconds = 1;

std::string isoTime(std::int64_t epochMs);

/// A flat JSON object, member by member.
class JsonObject {
public:
    JsonObject() { json_.beginObject(); }
    JsonObject& add(const char* name, std::int64_t value) {
        json_.key(name).number(value);
        return *this;
    }
    JsonObject& add(const char* name, std::string_view value) {
        json_.key(name).text(value);
        return *this;
    }
    /// null: an infinite time.
    JsonObject& addTime(const char* name, const std::optional<std::int64_t>& epochMs) {
        return epochMs ? add(name, isoTime(*epochMs)) : addNull(name);
    }
    JsonObject& addNull(const char* name) {
        json_.key(name).null();
        return *this;
    }
    [[nodiscard]] std::string text() { return json_.endObject().str(); }

private:
    JsonWriter json_;
};

/// An event takes place in the years 1 to 9999, in UTC: ISO 8601 has four digits for a year.
constexpr std::int64_t kFirstDateMs = -62135596800000;   // 0001-01-01T00:00:00Z
constexpr std::int64_t kEndOfDatesMs = 253402300800000;  // 10000-01-01T00:00:00Z

/// Returns ISO 8601 with milliseconds and Z, in the calendar that PostgreSQL and ISO 8601 use for every year. Years outside of
/// four digits, put into the tables by hand, have a sign and six digits, as in JavaScript.
std::string isoTime(std::int64_t epochMs) {
    using namespace std::chrono;
    // std::chrono counts years to 32767 only; the calendar repeats itself every 400 years, which have 146,097 days.
    constexpr std::int64_t kCycleMs = 146097LL * 24 * 60 * 60 * 1000;
    const std::int64_t cycle = (epochMs - (epochMs < 0 ? kCycleMs - 1 : 0)) / kCycleMs;
    const sys_time<milliseconds> time{milliseconds(epochMs - cycle * kCycleMs)};
    const auto day = floor<days>(time);
    const year_month_day date(day);
    const hh_mm_ss<milliseconds> clock(time - day);
    const int year = static_cast<int>(date.year()) + static_cast<int>(cycle) * 400;
    std::array<char, 48> text{};
    std::snprintf(text.data(),
                  text.size(),
                  year < 0 || year > 9999 ? "%+07d-%02u-%02uT%02d:%02d:%02d.%03dZ"
                                          : "%04d-%02u-%02uT%02d:%02d:%02d.%03dZ",
                  year,
                  static_cast<unsigned>(date.month()),
                  static_cast<unsigned>(date.day()),
                  static_cast<int>(clock.hours().count()),
                  static_cast<int>(clock.minutes().count()),
                  static_cast<int>(clock.seconds().count()),
                  static_cast<int>(clock.subseconds().count()));
    return text.data();
}

Response json(int status, std::string body) {
    Response response;
    response.status = status;
    response.body = std::move(body);
    return response;
}

}  // namespace

/// The outcome of a request; members that do not apply or are unknown are absent.
struct RequestState {
    const char* state = "QUEUED";
    std::optional<std::string> reason;
    std::optional<std::int64_t> reservationId;
    std::optional<std::int64_t> timestampMs;
    /// How many requests have had the id; absent: a timestamp was given, or the ledger was out of reach.
    std::optional<std::int64_t> newestOf;
};

namespace {

RequestState stateOf(const Decision& decision, std::int64_t timestampMs) {
    return decision.reserved()
               ? RequestState{"RESERVED", std::nullopt, decision.reservationId, timestampMs, {}}
               : RequestState{"REJECTED", decision.reason, std::nullopt, timestampMs, {}};
}

RequestState stateOf(const Job& job) {
    RequestState state;
    state.timestampMs = job.timestampMs;
    if (job.finishedOnMs && job.failedReason) {
        state.state = "REJECTED";
        state.reason = job.failedReason;
    } else if (job.finishedOnMs) {
        state.state = "RESERVED";
        state.reservationId = reservationIdOf(job.returnValue.value_or(""));
    }
    return state;
}

/// Returns {jobId, state, reason, reservationId, timestamp, newestOf}; absent members are null.
Response answerWith(const std::string& jobId, const RequestState& state) {
    JsonObject body;
    body.add("jobId", jobId).add("state", state.state);
    state.reason ? body.add("reason", *state.reason) : body.addNull("reason");
    for (const auto& [name, number] : {std::pair("reservationId", state.reservationId),
                                       std::pair("timestamp", state.timestampMs),
                                       std::pair("newestOf", state.newestOf)}) {
        number ? body.add(name, *number) : body.addNull(name);
    }
    return json(200, body.text());
}

/// Returns true if a text may be the id of a job. Clients may use nearly any character: "order.17", "a b", "ö-1".
bool isJobId(std::string_view text) {
    return std::none_of(
        text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20; });
}

Parameter idParameter(const char* name, Parameter::In in, const char* description) {
    Parameter parameter;
    parameter.name = name;
    parameter.in = in;
    parameter.type = ParameterType::Integer;
    parameter.minimum = 1;
    parameter.description = description;
    return parameter;
}

Parameter textMember(const char* name, std::size_t maxLength, const char* description) {
    Parameter parameter;
    parameter.name = name;
    parameter.in = Parameter::In::Body;
    parameter.minLength = 1;
    parameter.maxLength = maxLength;
    parameter.description = description;
    return parameter;
}

const char* const kIdSchema =
    R"({"type":"object","properties":{"id":{"type":"integer","format":"int64"}},"required":["id"]})";
const char* const kUserSchema =
    R"({"type":"object","properties":{"id":{"type":"integer","format":"int64"},"name":{"type":"string"},)"
    R"("email":{"type":"string"}},"required":["id","name","email"]})";
const char* const kEventSchema =
    R"({"type":"object","properties":{"id":{"type":"integer","format":"int64"},"name":{"type":"string"},)"
    R"("date":{"type":["string","null"],"format":"date-time"},"location":{"type":"string"},)"
    R"("maxTickets":{"type":"integer","format":"int64"},"reserved":{"type":"integer","format":"int64"}},)"
    R"("required":["id","name","date","location","maxTickets","reserved"]})";
const char* const kReservationSchema =
    R"({"type":"object","properties":{"id":{"type":"integer","format":"int64"},)"
    R"("userId":{"type":"integer","format":"int64"},"status":{"type":"string","enum":["RESERVED"]},)"
    R"("reservedAt":{"type":["string","null"],"format":"date-time"}},"required":["id","userId","status","reservedAt"]})";
const char* const kRequestSchema =
    R"({"type":"object","properties":{"jobId":{"type":"string"},)"
    R"("state":{"type":"string","enum":["QUEUED","RESERVED","REJECTED"]},)"
    R"("reason":{"type":["string","null"]},)"
    R"("reservationId":{"type":["integer","null"],"format":"int64"},)"
    R"("timestamp":{"type":["integer","null"],"format":"int64","description":"When it was added, epoch ms"},)"
    R"("newestOf":{"type":["integer","null"],"format":"int64","description":)"
    R"("How many requests have had this id; more than 1 after Redis was restored from an older copy. )"
    R"(This is the newest. null: the request has a timestamp, or the number is unknown"}},)"
    R"("required":["jobId","state","reason","reservationId","timestamp","newestOf"]})";
const char* const kErrorSchema =
    R"({"type":"object","properties":{"message":{},"error":{"type":"string"},"statusCode":{"type":"integer"}},)"
    R"("required":["message","error","statusCode"]})";

ResponseDoc failure(int status, const char* description) {
    return {status, description, kErrorSchema};
}

}  // namespace

ReservationRoutes::ReservationRoutes(store::SessionPool& pool, JobLookup findJob, Settings settings)
    : pool_(pool), findJob_(std::move(findJob)), settings_(std::move(settings)) {}

template <typename Ask>
auto ReservationRoutes::withDatabase(Ask query) {
    try {
        const store::SessionPool::Lease session = pool_.checkout(settings_.checkoutTimeout);
        ReservationRepository repository(*session);
        return query(repository);
    } catch (const Unavailable&) {
        // The reason is in /readyz and in the log of the pool; a client cannot use it.
        throw HttpError(503, "The database is not available at the moment", kRetryAfterSeconds);
    } catch (const StoreException& error) {
        const auto* refused = dynamic_cast<const store::SqlError*>(&error);
        if (refused != nullptr && refused->errorClass() == store::ErrorClass::BadData) {
            throw;
        }
        // A lock that did not come free, a schema that is not migrated yet, a trigger that raises, a sequence behind its
        // table: none is the request's fault, and only an operator can cure it.
        Poco::Logger::get("reservation-api").error("the database refuses: " + error.message());
        throw HttpError(503, "The database is not ready at the moment", kRetryAfterSeconds);
    }
}

Response ReservationRoutes::getReservation(const Request& request) {
    const auto found = withDatabase([&request](ReservationRepository& repository) {
        return repository.reservation(request.integer("eventId"), request.integer("userId"));
    });
    if (!found) {
        throw HttpError(404, "Reservation not found");
    }
    return json(200,
                JsonObject()
                    .add("id", found->id)
                    .add("userId", found->userId)
                    .add("status", found->status)
                    .addTime("reservedAt", found->reservedAtMs)
                    .text());
}

Response ReservationRoutes::getRequest(const Request& request) {
    const std::string& jobId = request.text("jobId");
    if (!isJobId(jobId)) {
        throw HttpError(404, "Request not found");
    }
    std::optional<std::int64_t> timestamp;
    if (request.has("timestamp")) {
        timestamp = request.integer("timestamp");
    }
    bool queueAway = false;
    bool unreadable = false;
    try {
        const std::optional<Job> job = liveJob(jobId);
        if (job && (!timestamp || *timestamp == job->timestampMs)) {
            RequestState state = stateOf(*job);
            if (!timestamp) {
                state.newestOf = requestsWithIdOf(*job);
            }
            return answerWith(jobId, state);
        }
    } catch (const RedisIoException&) {
        queueAway = true;  // The ledger may have it all the same.
    } catch (const JobFormatException&) {
        unreadable = true;
    }
    if (const auto stored = storedState(jobId, timestamp)) {
        return answerWith(jobId, *stored);
    }
    if (queueAway) {
        throw HttpError(503, "The queue is not available at the moment", kRetryAfterSeconds);
    }
    if (unreadable) {
        // There is a job whose hash some client filled oddly. Every job that ended is in the ledger: this one has not.
        return answerWith(jobId, RequestState{});
    }
    throw HttpError(404, "Request not found");
}

std::optional<RequestState> ReservationRoutes::storedState(
    const std::string& jobId, const std::optional<std::int64_t>& timestamp) {
    try {
        return withDatabase([&](ReservationRepository& repository) -> std::optional<RequestState> {
            if (timestamp) {
                const auto decision = repository.outcome(settings_.queue, jobId, *timestamp);
                return decision ? std::optional(stateOf(*decision, *timestamp)) : std::nullopt;
            }
            const auto newest = repository.newestOutcome(settings_.queue, jobId);
            if (!newest) {
                return std::nullopt;
            }
            RequestState state = stateOf(*newest, newest->jobTimestampMs);
            state.newestOf = newest->requests;
            return state;
        });
    } catch (const store::SqlError&) {
        return std::nullopt;  // An id that is not UTF-8 is in no ledger.
    }
}

std::optional<std::int64_t> ReservationRoutes::requestsWithIdOf(const Job& job) {
    if (!pool_.trouble().empty()) {
        return std::
            nullopt;  // The job has the state without the database: the answer does not wait for it.
    }
    try {
        return 1 + withDatabase([&](ReservationRepository& repository) {
                   return repository.otherOutcomes(settings_.queue, job.id, job.timestampMs);
               });
    } catch (const HttpError&) {
        return std::nullopt;
    } catch (const store::SqlError&) {
        return std::nullopt;
    }
}

std::optional<Job> ReservationRoutes::liveJob(const std::string& id) {
    try {
        std::optional<Job> job = findJob_(id);
        // The keys of queue, schedulers and children lie beside those of the jobs, and some are hashes: "meta" has no
        // name, "repeat:<scheduler>" no timestamp.
        return job && !job->name.empty() && job->timestampMs > 0 ? job : std::nullopt;
    } catch (const ScriptException&) {
        return std::nullopt;  // "wait", "5:lock": keys of another type.
    }
}

Response ReservationRoutes::postUser(const Request& request) {
    const auto id = withDatabase([&request](ReservationRepository& repository) {
        return repository.addUser(request.text("name"), request.text("email"));
    });
    if (!id) {
        throw HttpError(400, "Email already exists");
    }
    return json(201, JsonObject().add("id", *id).text());
}

Response ReservationRoutes::getUser(const Request& request) {
    const auto found = withDatabase([&request](ReservationRepository& repository) {
        return repository.user(request.integer("userId"));
    });
    if (!found) {
        throw HttpError(404, "User not found");
    }
    return json(200,
                JsonObject()
                    .add("id", found->id)
                    .add("name", found->name)
                    .add("email", found->email)
                    .text());
}

Response ReservationRoutes::postEvent(const Request& request) {
    try {
        const auto id = withDatabase([&request](ReservationRepository& repository) {
            const auto date = repository.timeMs(request.text("date"));
            if (!date || *date < kFirstDateMs || *date >= kEndOfDatesMs) {
                throw HttpError(400, "date must be in the years 0001 to 9999, in UTC");
            }
            return repository.addEvent(request.text("name"),
                                       request.text("date"),
                                       request.text("location"),
                                       request.integer("maxTickets"));
        });
        if (!id) {
            throw HttpError(400, "Event name already exists");
        }
        return json(201, JsonObject().add("id", *id).text());
    } catch (const store::SqlError& error) {
        // Well-formed, but no day of any calendar: the date is the only value that the database parses.
        if (error.errorClass() == store::ErrorClass::BadData) {
            throw HttpError(400, "date must be a valid ISO 8601 date string");
        }
        throw;
    }
}

Response ReservationRoutes::getEvent(const Request& request) {
    const auto found = withDatabase([&request](ReservationRepository& repository) {
        return repository.event(request.integer("eventId"));
    });
    if (!found) {
        throw HttpError(404, "Event not found");
    }
    return json(200,
                JsonObject()
                    .add("id", found->id)
                    .add("name", found->name)
                    .addTime("date", found->dateMs)
                    .add("location", found->location)
                    .add("maxTickets", found->maxTickets)
                    .add("reserved", found->reserved)
                    .text());
}

std::vector<Route> ReservationRoutes::routes() {
    using Member = Response (ReservationRoutes::*)(const Request&);
    std::vector<Route> routes;
    const auto add = [this, &routes](const char* method,
                                     const char* path,
                                     const char* tag,
                                     const char* summary,
                                     std::vector<Parameter> parameters,
                                     std::vector<ResponseDoc> responses,
                                     Member member) {
        Route route;
        route.method = method;
        route.path = path;
        route.summary = summary;
        route.tag = tag;
        route.source = settings_.source;
        route.parameters = std::move(parameters);
        route.responses = std::move(responses);
        route.responses.push_back(failure(400, "A value has not the form of its parameter"));
        route.responses.push_back(
            failure(503, "The database is away; try again after Retry-After"));
        route.handler = [this, member](const Request& request) { return (this->*member)(request); };
        routes.push_back(std::move(route));
    };
    using In = Parameter::In;

    add("GET",
        "/reservation",
        "reservation",
        "The live reservation of a user for an event",
        {idParameter("eventId", In::Query, "Id of the event"),
         idParameter("userId", In::Query, "Id of the user")},
        {{200, "The reservation", kReservationSchema}, failure(404, "None")},
        &ReservationRoutes::getReservation);

    Parameter jobId;
    jobId.name = "jobId";
    jobId.minLength = 1;
    jobId.maxLength = 1024;
    jobId.description = "Id that POST /reservation answered";
    Parameter timestamp;
    timestamp.name = "timestamp";
    timestamp.in = In::Query;
    timestamp.type = ParameterType::Integer;
    timestamp.required = false;
    timestamp.minimum = 0;
    timestamp.description =
        "The job's timestamp: ids may be issued again, id and timestamp name one request for good. "
        "Without it the "
        "answer is about the newest request with this id";
    add("GET",
        "/reservation/request/{jobId}",
        "reservation",
        "The outcome of a reservation request",
        {jobId, timestamp},
        {{200, "Its state", kRequestSchema}, failure(404, "Never seen")},
        &ReservationRoutes::getRequest);

    add("POST",
        "/user",
        "user",
        "Adds a user",
        {textMember("name", 255, "Name"), textMember("email", 320, "Email address, unique")},
        {{201, "The new user's id", kIdSchema}},
        &ReservationRoutes::postUser);
    add("GET",
        "/user/{userId}",
        "user",
        "A user",
        {idParameter("userId", In::Path, "Id of the user")},
        {{200, "The user", kUserSchema}, failure(404, "None")},
        &ReservationRoutes::getUser);

    Parameter date = textMember("date", 64, "When it takes place, ISO 8601 with a zone");
    date.type = ParameterType::DateTime;
    Parameter maxTickets = idParameter("maxTickets", In::Body, "Number of seats");
    maxTickets.maximum = std::numeric_limits<std::int32_t>::max();
    add("POST",
        "/event",
        "event",
        "Adds an event",
        {textMember("name", 255, "Name, unique"),
         date,
         textMember("location", 255, "Where it takes place"),
         maxTickets},
        {{201, "The new event's id", kIdSchema}},
        &ReservationRoutes::postEvent);
    add("GET",
        "/event/{eventId}",
        "event",
        "An event",
        {idParameter("eventId", In::Path, "Id of the event")},
        {{200, "The event", kEventSchema}, failure(404, "None")},
        &ReservationRoutes::getEvent);
    return routes;
}

}  // namespace drover::reservation
