#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <unistd.h>
#include <utility>
#include <vector>

#include <Poco/Environment.h>

#include "ConsoleData.h"
#include "ConsolePage.h"
#include "History.h"
#include "drover/EntityTag.h"
#include "drover/Service.h"
#include "drover/ServiceKeys.h"

namespace drover::console {

namespace {

constexpr const char* kSource = "plugin console";
constexpr const char* kPolicy =
    "default-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'";

std::int64_t nowMs() {
    return std::chrono::duration_cast<std::chrono::milliseconds>(
               std::chrono::system_clock::now().time_since_epoch())
        .count();
}

Response file(std::string body, const char* type) {
    Response response;
    response.body = std::move(body);
    response.contentType = type;
    response.headers.emplace_back("Content-Security-Policy", kPolicy);
    // A new build has other bytes under the same names: a browser keeps a file, but not without looking.
    response.headers.emplace_back("Cache-Control", "no-cache");
    response.headers.emplace_back("ETag", entityTagOf(response.body));
    return response;
}

/// Returns a file of the npm package; empty if it is not there.
std::string contentOf(const std::string& folder, const char* name) {
    std::ifstream in(std::filesystem::path(folder) / "dist" / name, std::ios::binary);
    return folder.empty() ? "" : std::string(std::istreambuf_iterator<char>(in), {});
}

/// The page at /, its data, and the thread that notes what the process does.
class ConsoleService : public Service {
public:
    explicit ConsoleService(ServiceContext& context) : context_(context), startedMs_(nowMs()) {
        applyRoutes(context);
    }

    void start() override {
        sampler_ = std::thread([this] { sample(); });
    }

    [[nodiscard]] std::function<void()> prepareReload(ServiceContext& next) override {
        applyRoutes(next);
        return {};
    }

    void stop(std::chrono::milliseconds) override {
        {
            const std::lock_guard lock(mutex_);
            stopping_ = true;
        }
        signal_.notify_one();
        if (sampler_.joinable()) {
            sampler_.join();
        }
    }

private:
    void sample() {
        std::unique_lock lock(mutex_);
        do {
            lock.unlock();
            history_.add(totalsOf(context_.collectMetrics(), nowMs()));
            lock.lock();
        } while (!signal_.wait_for(lock, History::kStep, [this] { return stopping_; }));
    }

    void applyRoutes(ServiceContext& context) {
        std::vector<QueueFigures::Queue> queues;
        for (const QueueReader::Settings& queue : context.queues()) {
            const Queue::Settings settings = context.queueSettings(queue.name);
            queues.push_back({queue.name, queue.prefix, admissionText(settings.admission)});
        }
        // No queue has that name: these are the defaults.
        const auto figures = std::make_shared<QueueFigures>(
            context.redis(), context.queueSettings("*").prefix, std::move(queues));
        const std::string uplot = context.config().text("uplot");
        std::vector<Route> routes = {
            page("/", file(kHtml, "text/html; charset=utf-8")),
            page("/console/console.css", file(kStyle, "text/css; charset=utf-8")),
            page("/console/console.js", file(kScript, "text/javascript; charset=utf-8")),
            page("/console/uplot.js",
                 file(contentOf(uplot, "uPlot.iife.min.js"), "text/javascript; charset=utf-8")),
            page("/console/uplot.css",
                 file(contentOf(uplot, "uPlot.min.css"), "text/css; charset=utf-8"))};
        Route data = page("/console/data", {});
        Parameter since;
        since.name = "since";
        since.in = Parameter::In::Query;
        since.type = ParameterType::Integer;
        since.required = false;
        data.parameters = {since};
        data.handler = [this, figures](const Request& request) {
            return answer(*figures, request.has("since") ? request.integer("since") : 0);
        };
        routes.push_back(std::move(data));
        context.routes().replace(kSource, std::move(routes));
    }

    static Route page(const std::string& path, Response response) {
        Route route;
        route.source = kSource;
        route.method = "GET";
        route.path = path;
        route.documented = false;
        route.scope = Scope{Scope::Kind::Read};
        route.handler = [response = std::move(response)](const Request&) { return response; };
        return route;
    }

    Response answer(QueueFigures& figures, std::int64_t since) {
        const Metrics metrics = context_.collectMetrics();
        const std::int64_t now = nowMs();
        const Totals totals = totalsOf(metrics, now);
        JsonWriter out;
        out.beginObject().key("nowMs").number(now).key("process").beginObject();
        out.key("host").text(Poco::Environment::nodeName()).key("pid").number(getpid());
        out.key("version").text(DROVER_VERSION).key("startedMs").number(startedMs_);
        out.key("completed").number(totals.completed).key("failed").number(totals.failed);
        out.key("held").number(totals.held).endObject();
        writeChecks(out, context_.health());
        writePlugins(out, metrics);
        figures.write(out);
        writePoints(out, history_.since(since));
        writeLinks(out);
        Response response;
        response.body = std::move(out.endObject()).str();
        response.headers.emplace_back("Cache-Control", "no-store");
        return response;
    }

    /// Writes "links": the pages that the process has.
    void writeLinks(JsonWriter& out) {
        out.key("links").beginArray();
        const auto link = [&out](const std::string& text, const std::string& href) {
            out.beginObject().key("text").text(text).key("href").text(href).endObject();
        };
        for (const auto& route : *context_.routes().snapshot()) {
            constexpr std::string_view kBoard = "/api/queues/{queueName}/add";
            const std::string& path = route->path;
            if (route->source == "plugin board" && path.size() > kBoard.size() &&
                path.substr(path.size() - kBoard.size()) == kBoard) {
                link("Jobs", path.substr(0, path.size() - kBoard.size()));
            } else if (path == "/metrics") {
                link("Metrics", path);
            }
        }
        link("API", "/api");
        out.endArray();
    }

    ServiceContext& context_;
    const std::int64_t startedMs_;
    History history_;
    std::mutex mutex_;
    std::condition_variable signal_;
    bool stopping_ = false;  ///< Guarded by mutex_.
    std::thread sampler_;
};

const ServiceDescriptor kDescriptor = {
    DROVER_BUILD_STAMP,
    "console",
    DROVER_VERSION,
    "The page at /: what the process does and how it fares, live.",
    {textKey(
        "uplot",
        "",
        "Folder of the npm package uplot, which plugins/console/package-lock.json names, for the "
        "plots.",
        DROVER_CONFIG_RELOADABLE)},
    {},
    [](ServiceContext& context) -> std::unique_ptr<Service> {
        return std::make_unique<ConsoleService>(context);
    }};

}  // namespace

}  // namespace drover::console

DROVER_SERVICE(drover::console::kDescriptor);
