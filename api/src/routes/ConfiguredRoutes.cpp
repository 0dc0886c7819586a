#include "routes/ConfiguredRoutes.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <sstream>

#include <Poco/Exception.h>

#include "drover/Exceptions.h"
#include "drover/Job.h"
#include "drover/JobOptions.h"
#include "drover/UnknownOptions.h"
#include "http/HttpText.h"
#include "routes/AddAnswer.h"
#include "routes/Idempotency.h"
#include "routes/JsonTemplate.h"
#include "routes/LocationTemplate.h"

namespace drover::api {

namespace {

/// The keys of one route, for reading and for messages.
class RouteKeys {
public:
    using Origin = std::function<std::string(const std::string& key)>;

    RouteKeys(std::string name, std::map<std::string, std::string> values, const Origin& originOf)
        : name_(std::move(name)), values_(std::move(values)), originOf_(originOf) {}

    [[nodiscard]] const std::string& name() const { return name_; }
    [[nodiscard]] std::string key(const std::string& setting) const {
        return "api.route." + name_ + "." + setting;
    }
    [[nodiscard]] const std::map<std::string, std::string>& values() const { return values_; }
    /// Returns "conf/producer.properties:12"; for a setting that was not given, the place of the route's first key.
    [[nodiscard]] std::string origin(const std::string& setting) const {
        return originOf_(name_ + "." +
                         (values_.count(setting) != 0 ? setting : values_.begin()->first));
    }

    [[nodiscard]] std::string text(const std::string& setting, const std::string& fallback) const {
        const auto found = values_.find(setting);
        return found == values_.end() ? fallback : found->second;
    }
    [[nodiscard]] std::string required(const std::string& setting,
                                       const std::string& example) const {
        const auto found = values_.find(setting);
        if (found == values_.end() || found->second.empty()) {
            miss(setting, "give it a value such as " + example);
        }
        return found->second;
    }
    [[noreturn]] void miss(const std::string& setting, const std::string& right) const {
        throw ConfigException(origin(setting) + ": " + key(setting) + " is missing; " + right);
    }
    [[noreturn]] void refuse(const std::string& setting, const std::string& right) const {
        throw ConfigException(origin(setting) + ": " + key(setting) + " = " + text(setting, "") +
                              ": " + right);
    }

private:
    std::string name_;
    std::map<std::string, std::string> values_;  ///< Not empty.
    const Origin& originOf_;
};

template <typename Number>
std::optional<Number> parsed(std::string_view text) {
    Number value{};
    const auto result = std::from_chars(text.data(), text.data() + text.size(), value);
    return result.ec == std::errc() && result.ptr == text.data() + text.size()
               ? std::optional(value)
               : std::nullopt;
}

/// Reads "1..64" (either end may be missing) into two bounds.
template <typename Number>
bool readRange(const std::string& text, Number& least, Number& most) {
    const auto dots = text.find("..");
    if (dots == std::string::npos || text.size() == 2) {
        return false;
    }
    const std::string left = text.substr(0, dots);
    const std::string right = text.substr(dots + 2);
    const auto low = left.empty() ? std::optional(least) : parsed<Number>(left);
    const auto high = right.empty() ? std::optional(most) : parsed<Number>(right);
    if (!low || !high || *low > *high) {
        return false;
    }
    least = *low;
    most = *high;
    return true;
}

Parameter readParameter(const RouteKeys& keys, const std::string& setting, Parameter::In in) {
    static const std::map<std::string, ParameterType> kTypes = {
        {"integer", ParameterType::Integer},
        {"number", ParameterType::Number},
        {"boolean", ParameterType::Boolean},
        {"string", ParameterType::String},
        {"datetime", ParameterType::DateTime}};
    Parameter parameter;
    parameter.in = in;
    parameter.name = setting.substr(setting.find('.') + 1);
    std::istringstream words(keys.text(setting, ""));
    std::string word;
    words >> word;
    const auto type = kTypes.find(word);
    if (type == kTypes.end()) {
        keys.refuse(setting, "a type is integer, number, boolean, string or datetime");
    }
    parameter.type = type->second;
    while (words >> word) {
        if (word == "optional") {
            if (in == Parameter::In::Path) {
                keys.refuse(setting, "a path parameter cannot be optional");
            }
            parameter.required = false;
            continue;
        }
        bool ranged = false;
        if (parameter.type == ParameterType::Integer) {
            ranged = readRange(word, parameter.minimum, parameter.maximum);
        } else if (parameter.type == ParameterType::String) {
            ranged = readRange(word, parameter.minLength, parameter.maxLength);
        }
        if (!ranged) {
            keys.refuse(
                setting,
                "'" + word +
                    "' is neither \"optional\" nor a range such as 1..64 of an integer or string");
        }
    }
    return parameter;
}

void readParameters(const RouteKeys& keys, Route& route) {
    static const std::set<std::string> kSettings = {"method",
                                                    "path",
                                                    "summary",
                                                    "tag",
                                                    "queue",
                                                    "job",
                                                    "data",
                                                    "options",
                                                    "view",
                                                    "status",
                                                    "location",
                                                    "estimate",
                                                    "auth"};
    static const std::map<std::string, Parameter::In> kPlaces = {{"path", Parameter::In::Path},
                                                                 {"query", Parameter::In::Query},
                                                                 {"body", Parameter::In::Body}};
    for (const auto& [setting, value] : keys.values()) {
        const auto dot = setting.find('.');
        const auto place = kPlaces.find(setting.substr(0, dot));
        if (dot != std::string::npos && dot + 1 < setting.size() && place != kPlaces.end()) {
            route.parameters.push_back(readParameter(keys, setting, place->second));
        } else if (kSettings.count(setting) == 0) {
            keys.refuse(setting,
                        "no such setting; there are method, path, summary, tag, queue, job, data, "
                        "options, view, status, location, estimate, auth, "
                        "and path.<parameter>, query.<parameter>, body.<member>");
        }
    }
}

/// Every parameter of the path pattern needs a type, here rather than in the table, where the key is not known.
void checkPath(const RouteKeys& keys, const Route& route) {
    for (auto open = route.path.find('{'); open != std::string::npos;
         open = route.path.find('{', open + 1)) {
        const auto close = std::min(route.path.find('}', open), route.path.size());
        const std::string name = route.path.substr(open + 1, close - open - 1);
        if (keys.values().count("path." + name) == 0) {
            keys.miss("path." + name,
                      "the path " + route.path + " has {" + name +
                          "}, give it a type such as integer or string 1..64");
        }
    }
    for (const Parameter& parameter : route.parameters) {
        if (parameter.in == Parameter::In::Path &&
            route.path.find("{" + parameter.name + "}") == std::string::npos) {
            keys.refuse("path." + parameter.name,
                        "the path " + route.path + " has no {" + parameter.name + "}");
        }
    }
}

/// The options of a route's jobs: the same for all, or made from the parameters of each request.
class RouteOptions {
public:
    /// Throws Poco::Exception unless `text` is JSON and, without parameters in it, the options of a job.
    explicit RouteOptions(const std::string& text) : template_(text) {
        if (template_.names().empty()) {
            same_ = JobOptions::parse(template_.render({}));
        }
    }

    [[nodiscard]] const std::set<std::string>& names() const { return template_.names(); }
    /// Throws Poco::InvalidArgumentException if a parameter cannot be the option that it stands for.
    [[nodiscard]] JobOptions of(const Values& values) const {
        return same_ ? *same_ : JobOptions::parse(template_.render(values));
    }

private:
    JsonTemplate template_;
    std::optional<JobOptions> same_;
};

/// The recipe of one route's handler, shared by its threads; never changed.
struct Recipe {
    std::string route;  ///< Method and pattern.
    std::string job;
    JsonTemplate data;
    RouteOptions options;
    JobView view = JobView::Bullmq6;
    int status = 201;
    LocationTemplate location;
    bool estimate = false;
    Producer producer;
};

bool isParameter(const Route& route, const std::string& name) {
    return std::any_of(route.parameters.begin(), route.parameters.end(), [&name](const auto& one) {
        return one.name == name;
    });
}

LocationTemplate readLocation(const RouteKeys& keys, const Route& route) {
    try {
        LocationTemplate location(keys.text("location", ""));
        for (const std::string& name : location.parameters()) {
            if (!isParameter(route, name)) {
                keys.refuse(
                    "location",
                    "{" + name + "} is neither {id}, {timestamp} nor a parameter of the route");
            }
        }
        return location;
    } catch (const Poco::SyntaxException& error) {
        keys.refuse("location", error.message());
    }
}

JsonTemplate readData(const RouteKeys& keys, const Route& route) {
    try {
        JsonTemplate data(keys.text("data", "{}"));
        for (const std::string& name : data.names()) {
            if (!isParameter(route, name)) {
                keys.refuse("data", "{" + name + "} is not a parameter of the route");
            }
        }
        return data;
    } catch (const Poco::SyntaxException& error) {
        keys.refuse("data", "not JSON: " + error.message());
    }
}

/// Returns a value that the parameter may have.
ParameterValue exampleOf(const Parameter& parameter) {
    switch (parameter.type) {
        case ParameterType::Integer:
            return std::clamp<std::int64_t>(1, parameter.minimum, parameter.maximum);
        case ParameterType::Number:
            return 0.5;
        case ParameterType::Boolean:
            return true;
        case ParameterType::DateTime:
            return std::string("2030-01-01T00:00:00.000Z");
        case ParameterType::String:
            break;
    }
    return std::string(std::max<std::size_t>(parameter.minLength, 1), 'a');
}

/// An option that no value of its parameter fits is a mistake of the route, not of its clients.
RouteOptions readOptions(const RouteKeys& keys, const Route& route) {
    try {
        RouteOptions options(keys.text("options", "{}"));
        Values example;
        for (const std::string& name : options.names()) {
            const auto parameter = std::find_if(route.parameters.begin(),
                                                route.parameters.end(),
                                                [&](const auto& one) { return one.name == name; });
            if (parameter == route.parameters.end()) {
                keys.refuse("options", "{" + name + "} is not a parameter of the route");
            }
            example.emplace(name, exampleOf(*parameter));
        }
        const JobOptions opts = options.of(example);
        std::string problem = opts.problem();
        if (problem.empty()) {
            problem = unknownOptionError(opts);
        }
        if (!problem.empty()) {
            keys.refuse("options", "not the options of a job: " + problem);
        }
        return options;
    } catch (const ConfigException&) {
        throw;
    } catch (const Poco::Exception& error) {
        keys.refuse("options", "not the options of a job: " + error.message());
    }
}

JobView readView(const RouteKeys& keys) {
    const std::string view = keys.text("view", "bullmq-6");
    if (view != "bullmq-6" && view != "bullmq-5.48") {
        keys.refuse("view", "a view is bullmq-6 or bullmq-5.48");
    }
    return view == "bullmq-6" ? JobView::Bullmq6 : JobView::Bullmq548;
}

int readStatus(const RouteKeys& keys) {
    const auto status = parsed<int>(keys.text("status", "201"));
    if (!status || *status < 200 || *status > 299 || *status == 204) {
        keys.refuse("status", "a status of success with a body is 200 to 299 without 204");
    }
    return *status;
}

bool readEstimate(const RouteKeys& keys) {
    const std::string estimate = keys.text("estimate", "false");
    if (estimate != "true" && estimate != "false") {
        keys.refuse("estimate", "estimate is true or false");
    }
    return estimate == "true";
}

/// Returns the JSON of a job with two members more: what waits before it, and for how long it will wait.
std::string withEstimate(std::string job, const std::optional<QueueLoad>& load) {
    job.pop_back();
    const auto number = [](std::int64_t value) { return std::to_string(value); };
    job += ",\"position\":" + (load ? number(load->waiting) : "null");
    job +=
        ",\"estimatedWaitMs\":" + (load && load->wait ? number(load->wait->count()) : "null") + "}";
    return job;
}

/// One request, from its arrival to the reply of Redis.
struct Adding {
    Exchange exchange;
    std::string data;
    JobOptions options;
};

Response answerFor(const Recipe& recipe,
                   Adding& adding,
                   const AddResult& result,
                   const std::optional<QueueLoad>& load) {
    if (std::optional<Response> refusal = refusalOf(result)) {
        return *std::move(refusal);
    }
    const Job job = addedJob({recipe.job, std::move(adding.data), std::move(adding.options)},
                             result,
                             recipe.producer.qualifiedName);
    Response response;
    response.status = recipe.status;
    response.body = job.toJson(recipe.view);
    if (recipe.estimate) {
        response.body = withEstimate(std::move(response.body), load);
    }
    if (!recipe.location.empty()) {
        response.headers.emplace_back(
            "Location",
            recipe.location.render(job.id, job.timestampMs, adding.exchange.request.values));
    }
    return response;
}

/// Adds the job of a request with an Idempotency-Key.
void runOnce(const std::shared_ptr<const Recipe>& recipe, Adding one, AddOnce once) {
    std::vector<NewJob> jobs{{recipe->job, one.data, one.options, one.exchange.request.trace}};
    const auto adding = std::make_shared<Adding>(std::move(one));
    const std::optional<QueueLoad> load = recipe->estimate ? recipe->producer.load() : std::nullopt;
    recipe->producer.addOnce(std::move(jobs),
                             std::move(once),
                             [recipe, adding, load](const std::vector<AddResult>& results) {
                                 Response response =
                                     answerFor(*recipe, *adding, results.front(), load);
                                 if (results.front().repeated) {
                                     markRepeated(response);
                                 }
                                 adding->exchange.responder.respond(std::move(response));
                             });
}

void run(const std::shared_ptr<const Recipe>& recipe, std::vector<Exchange> exchanges) {
    const auto adding = std::make_shared<std::vector<Adding>>();
    adding->reserve(exchanges.size());
    std::vector<NewJob> jobs;
    jobs.reserve(exchanges.size());
    for (Exchange& exchange : exchanges) {
        std::string data = recipe->data.render(exchange.request.values);
        JobOptions options;
        std::optional<AddOnce> once;
        try {
            options = recipe->options.of(exchange.request.values);
            once = addOnceOf(exchange.request, recipe->route, recipe->producer.idempotencyTtl);
        } catch (const Poco::InvalidArgumentException& error) {
            exchange.responder.respond(errorResponse(400, error.message()));
            continue;
        } catch (const HttpError& error) {
            exchange.responder.respond(errorResponse(error.status(), error.what()));
            continue;
        }
        if (once) {
            runOnce(recipe,
                    {std::move(exchange), std::move(data), std::move(options)},
                    *std::move(once));
            continue;
        }
        jobs.push_back({recipe->job, data, options, exchange.request.trace});
        adding->push_back({std::move(exchange), std::move(data), std::move(options)});
    }
    if (jobs.empty()) {
        return;
    }
    std::optional<QueueLoad> load = recipe->estimate ? recipe->producer.load() : std::nullopt;
    recipe->producer.add(
        std::move(jobs), [recipe, adding, load](const std::vector<AddResult>& results) {
            for (std::size_t i = 0; i < results.size(); ++i) {
                Adding& one = (*adding)[i];
                std::optional<QueueLoad> before = load;
                if (before) {
                    before->waiting += static_cast<std::int64_t>(i);
                }
                one.exchange.responder.respond(answerFor(*recipe, one, results[i], before));
            }
        });
}

Producer readProducer(const RouteKeys& keys,
                      const std::function<Producer(const std::string&)>& producerOf) {
    const std::string alias = keys.required("queue", "reservation, an alias of queue.<alias>.*");
    try {
        return producerOf(alias);
    } catch (const ConfigException& error) {
        keys.refuse("queue", error.message());
    }
}

/// Returns the scope of a route with `auth = token`: that of adding to its queue.
std::optional<Scope> readScope(const RouteKeys& keys, const std::string& queue) {
    const std::string auth = keys.text("auth", "none");
    if (auth != "none" && auth != "token") {
        keys.refuse("auth", "auth is none, for every client, or token");
    }
    return auth == "none" ? std::nullopt : std::optional(Scope{Scope::Kind::Add, queue});
}

Route makeRoute(const RouteKeys& keys,
                const std::function<Producer(const std::string&)>& producerOf) {
    Route route;
    route.source = kConfiguredSource + keys.name() + ", " + keys.origin("path");
    route.method = keys.text("method", "POST");
    static const std::set<std::string> kMethods = {"POST", "PUT", "PATCH", "DELETE"};
    if (kMethods.count(route.method) == 0) {
        keys.refuse(
            "method",
            "a method that adds a job is POST, PUT, PATCH or DELETE; pages and robots send GET "
            "unasked");
    }
    route.path = keys.required("path", "/reservation/{eventId}/{userId}");
    route.summary = keys.text("summary", "");
    route.tag = keys.text("tag", "");
    readParameters(keys, route);
    checkPath(keys, route);

    const int status = readStatus(keys);
    const auto recipe = std::make_shared<const Recipe>(Recipe{route.method + " " + route.path,
                                                              keys.required("job", "reserveEvent"),
                                                              readData(keys, route),
                                                              readOptions(keys, route),
                                                              readView(keys),
                                                              status,
                                                              readLocation(keys, route),
                                                              readEstimate(keys),
                                                              readProducer(keys, producerOf)});
    route.scope = readScope(keys, recipe->producer.queue);
    if (recipe->estimate) {
        (void)recipe->producer.load();  // The first call begins to measure.
    }
    std::string schema = kJobSchema;
    if (recipe->estimate) {
        schema.insert(schema.size() - 2,
                      R"(,"position":{"type":["integer","null"]})"
                      R"(,"estimatedWaitMs":{"type":["integer","null"]})");
    }
    ResponseDoc success{status, "The job, added", schema};
    if (!recipe->location.empty()) {
        success.headers.emplace_back("Location", "Address of the job's outcome");
    }
    route.responses.push_back(std::move(success));
    describeIdempotency(route);
    route.asyncHandler = [recipe](std::vector<Exchange> exchanges) {
        run(recipe, std::move(exchanges));
    };
    return route;
}

}  // namespace

std::vector<Route> configuredRoutes(
    const std::vector<std::pair<std::string, std::string>>& keys,
    const std::function<Producer(const std::string&)>& producerOf,
    const std::function<std::string(const std::string&)>& originOf) {
    std::map<std::string, std::map<std::string, std::string>> byName;
    for (const auto& [key, value] : keys) {
        const auto dot = key.find('.');
        if (dot == 0 || dot == std::string::npos || dot + 1 == key.size()) {
            throw ConfigException(
                originOf(key) + ": api.route." + key + " = " + value +
                ": a key has the form api.route.<name>.<setting>, e.g. api.route.reserve.path");
        }
        byName[key.substr(0, dot)][key.substr(dot + 1)] = value;
    }
    std::vector<Route> routes;
    routes.reserve(byName.size());
    for (const auto& [name, values] : byName) {
        routes.push_back(makeRoute(RouteKeys(name, values, originOf), producerOf));
    }
    return routes;
}

}  // namespace drover::api
