#include "queues/JobAdding.h"

#include <algorithm>
#include <utility>

#include "drover/Json.h"
#include "drover/JsonWriter.h"
#include "http/HttpText.h"
#include "queues/JobBody.h"
#include "queues/ServedQueues.h"
#include "routes/AddAnswer.h"
#include "routes/Idempotency.h"

namespace drover::api {

namespace {

/// Jobs of one script call.
constexpr std::size_t kChunk = 512;

/// Returns the error of a member that stands in an answer to several jobs.
std::string failed(const Response& refusal) {
    JsonWriter json;
    json.beginObject().key("status").number(refusal.status).key("error").raw(refusal.body);
    return std::move(json.endObject()).str();
}

}  // namespace

void JobAdding::start() {
    try {
        parse();
    } catch (const HttpError& error) {
        exchange_.responder.respond(errorResponse(error.status(), error.what()));
        return;
    }
    addChunks();
}

void JobAdding::parse() {
    const Request& request = exchange_.request;
    if (request.jsonLines) {
        form_ = Form::Lines;
        parseLines(request.body);
    } else if (const JsonView json = JsonView::parse(request.body); json.isArray()) {
        form_ = Form::Array;
        for (const JsonView& one : json.elements()) {
            parseItem(one.text());
        }
    } else {
        NewJob job = parseJob(json);
        ServedQueues::requireScopeOfParent(request, job);
        items_.push_back({std::move(job)});
    }
    if (items_.empty()) {
        throw HttpError(400, "The body must have a job, or several as an array or as lines");
    }
}

void JobAdding::parseLines(std::string_view body) {
    while (!body.empty()) {
        const std::size_t end = std::min(body.find('\n'), body.size());
        const std::string_view line = body.substr(0, end);
        body.remove_prefix(std::min(end + 1, body.size()));
        if (line.find_first_not_of(" \t\r") != std::string_view::npos) {
            parseItem(line);
        }
    }
}

void JobAdding::parseItem(std::string_view text) {
    Item item;
    try {
        item.job = parseJob(text, exchange_.request);
    } catch (const HttpError& error) {
        item.refusal = errorResponse(error.status(), error.what());
    }
    items_.push_back(std::move(item));
}

std::vector<NewJob> JobAdding::nextChunk() {
    std::vector<NewJob> jobs;
    for (; next_ < items_.size() && jobs.size() < kChunk; ++next_) {
        if (!items_[next_].refusal) {
            chunk_.push_back(next_);
            jobs.push_back(items_[next_].job);
        }
    }
    return jobs;
}

void JobAdding::addChunks() {
    while (!exchange_.responder.clientLeft()) {
        if (keyTaken_) {
            AddResult taken;
            taken.status = AddResult::Status::KeyTaken;
            exchange_.responder.respond(*refusalOf(taken));
            return;
        }
        std::vector<NewJob> jobs = nextChunk();
        if (jobs.empty()) {
            return answer();
        }
        phase_ = Phase::Sending;
        addChunk(std::move(jobs), [self = shared_from_this()](std::vector<AddResult> results) {
            self->onResults(std::move(results));
            if (self->phase_.exchange(Phase::Answered) == Phase::Sent) {
                self->addChunks();
            }
        });
        // Results that came during the call are followed by the next chunk here: no chunk lies on the stack of another.
        if (phase_.exchange(Phase::Sent) != Phase::Answered) {
            return;
        }
    }
}

void JobAdding::addChunk(std::vector<NewJob> jobs,
                         std::function<void(std::vector<AddResult>)> done) {
    const TraceScope scope(exchange_.request.trace);
    if (!once_) {
        return queue_->addAsync(std::move(jobs), std::move(done));
    }
    // Each chunk is decided by a key of its own. They go one after the other, and the first finds a key that is taken.
    AddOnce once = *once_;
    once.key += chunks_ == 0 ? "" : "-" + std::to_string(chunks_);
    ++chunks_;
    queue_->addOnceAsync(std::move(jobs), std::move(once), std::move(done));
}

void JobAdding::onResults(std::vector<AddResult> results) {
    std::optional<Response> full;  // The next chunk would meet the same.
    for (std::size_t i = 0; i < results.size(); ++i) {
        Item& item = items_[chunk_[i]];
        item.result = std::move(results[i]);
        item.refusal = refusalOf(item.result);
        if (item.refusal && (item.refusal->status == 503 || item.refusal->status == 429)) {
            full = item.refusal;
        }
        keyTaken_ = keyTaken_ || item.result.status == AddResult::Status::KeyTaken;
        repeated_ = repeated_ || item.result.repeated;
    }
    chunk_.clear();
    if (full) {
        if (full->status == 503) {
            AddResult untried;  // Certainly not added, also behind a chunk whose reply was lost.
            untried.status = AddResult::Status::Unavailable;
            full = refusalOf(untried);
        }
        for (; next_ < items_.size(); ++next_) {
            if (!items_[next_].refusal) {
                items_[next_].refusal = full;
            }
        }
    }
}

Job JobAdding::jobOf(Item& item) const {
    return addedJob(std::move(item.job), item.result, queue_->qualifiedName());
}

void JobAdding::answer() {
    Response response;
    response.status = items_.front().refusal ? items_.front().refusal->status : 201;
    if (form_ == Form::One) {
        Item& item = items_.front();
        if (item.refusal) {
            response = *std::move(item.refusal);
        } else {
            response.body = jobOf(item).toJson();
        }
        if (repeated_) {
            markRepeated(response);
        }
        exchange_.responder.respond(std::move(response));
        return;
    }
    const bool lines = form_ == Form::Lines;
    response.body = lines ? "" : "[";
    for (Item& item : items_) {
        const int status = item.refusal ? item.refusal->status : 201;
        if (status != response.status) {
            response.status = 207;
        }
        if (!lines && response.body.size() > 1) {
            response.body += ',';
        }
        if (item.refusal) {
            response.body += failed(*item.refusal);
        } else {
            response.body += R"({"status":201,"job":)" + jobOf(item).toJson() + '}';
        }
        response.body += lines ? "\n" : "";
    }
    response.body += lines ? "" : "]";
    response.contentType = lines ? "application/x-ndjson; charset=utf-8" : response.contentType;
    if (response.status == 503 || response.status == 429) {
        response.headers = items_.front().refusal->headers;
    }
    if (repeated_) {
        markRepeated(response);
    }
    exchange_.responder.respond(std::move(response));
}

}  // namespace drover::api
