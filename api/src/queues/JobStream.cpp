#include "queues/JobStream.h"

#include <algorithm>
#include <exception>
#include <utility>

#include <Poco/Logger.h>

#include "drover/JsonWriter.h"
#include "http/HttpText.h"
#include "queues/JobBody.h"
#include "routes/AddAnswer.h"

namespace drover::api {

namespace {

/// Two calls of Redis, so that one is under way while the other one is answered.
constexpr std::size_t kBatchLines = 1024;
constexpr std::size_t kBatchBytes = 256U << 10U;

bool isBlank(std::string_view line) {
    return line.find_first_not_of(" \t\r") == std::string_view::npos;
}

/// Returns true for the refusal of a line that another try may add.
bool isPassing(const HttpError& error) {
    return error.status() == 429 || error.status() == 503;
}

void writeError(JsonWriter& json, const HttpError& error) {
    json.key("status").number(error.status()).key("error").text(error.what());
    if (error.retryAfterSeconds()) {
        json.key("retryAfter").number(*error.retryAfterSeconds());
    }
}

}  // namespace

void JobStream::start() {
    place_ = StreamThread::Inbox::admit(thread_);
    if (!place_) {
        exchange_.responder.respond(errorResponse(503,
                                                  "As many bodies as api.maxOpenBodies allows (" +
                                                      std::to_string(thread_->mostBodies()) +
                                                      ") are under way",
                                                  1));
        return;
    }
    upload_ = exchange_.responder.upload();
    if (upload_) {
        schedule();
    }
}

void JobStream::schedule() {
    thread_->post([self = shared_from_this()] { self->step(); });
}

void JobStream::step() noexcept {
    try {
        return advance();
    } catch (const std::exception& error) {
        Poco::Logger::get("http").error("adding the jobs of a body threw: %s",
                                        std::string(error.what()));
    }
    upload_.reset();  // Without a last line: the client sees an answer that was cut.
}

void JobStream::advance() {
    if (results_) {
        answerBatch();
    }
    if (!upload_ || answerWaits()) {
        return;
    }
    if (ended_) {
        upload_.reset();
        return;
    }
    if (!broken_ && !gather()) {
        upload_->whenReadable([self = shared_from_this()] { self->schedule(); });
        return;
    }
    if (!jobs_.empty()) {
        return add();
    }
    if (!batch_.empty()) {
        answerBatch();
    }
    if (noMore_ && parsed_ == text_.size()) {
        answerEnd();
    }
    schedule();
}

bool JobStream::answerWaits() {
    if (answer_.empty()) {
        return false;
    }
    switch (upload_->send(answer_)) {
        case Upload::Sent::Yes:
            answer_.clear();
            return false;
        case Upload::Sent::Full:
            upload_->whenWritable([self = shared_from_this()] { self->schedule(); });
            return true;
        case Upload::Sent::Closed:
            upload_.reset();
            return true;
    }
    return true;
}

bool JobStream::gather() {
    while (batch_.size() < kBatchLines && batchBytes_ < kBatchBytes) {
        if (parseNextLine()) {
            continue;
        }
        if (noMore_) {
            return true;
        }
        text_.erase(0, std::exchange(parsed_, 0));
        scanned_ = text_.size();
        switch (upload_->read(text_)) {
            case Upload::Arrival::Some:
                break;
            case Upload::Arrival::Later:
                return !batch_.empty();
            case Upload::Arrival::End:
                noMore_ = true;
                break;
            case Upload::Arrival::Broken:
                const Upload::Problem problem = upload_->problem();
                breakOff(HttpError(problem.status, problem.message), lines_ + 1);
                return true;
        }
    }
    return true;
}

bool JobStream::parseNextLine() {
    std::size_t end = text_.find('\n', scanned_);
    const bool isCut = end == std::string::npos;
    if (isCut) {
        end = text_.size();
        scanned_ = end;
    }
    const std::string_view line = std::string_view(text_).substr(parsed_, end - parsed_);
    const bool isTooLong = line.size() > settings_.maxLineBytes;
    if (isCut && !noMore_) {
        if (isTooLong && !std::exchange(skipping_, true)) {
            parseLine(line);
        }
        if (skipping_) {
            parsed_ = end;
        }
        return false;
    }
    if (isCut && line.empty() && !skipping_) {
        return false;  // Nothing follows the last newline.
    }
    if (!std::exchange(skipping_, false)) {
        parseLine(line);
    }
    parsed_ = isCut ? end : end + 1;
    scanned_ = parsed_;
    return true;
}

void JobStream::parseLine(std::string_view text) {
    ++lines_;
    if (isBlank(text)) {
        return;
    }
    batch_.push_back({lines_, std::nullopt});
    if (text.size() > settings_.maxLineBytes) {
        batch_.back().error =
            HttpError(413,
                      "The line is longer than " + std::to_string(settings_.maxLineBytes) +
                          " bytes (api.maxBodyBytes)");
        return;
    }
    batchBytes_ += text.size();
    try {
        jobs_.push_back(parseJob(text, exchange_.request));
    } catch (const HttpError& error) {
        batch_.back().error = error;
    }
}

void JobStream::add() {
    const TraceScope scope(exchange_.request.trace);
    queue_->addAsync(std::exchange(jobs_, {}),
                     [self = shared_from_this()](std::vector<AddResult> results) {
                         self->results_ = std::move(results);
                         self->schedule();
                     });
}

void JobStream::answerBatch() {
    std::size_t job = 0;
    std::uint64_t addedNow = 0;
    for (Line& line : batch_) {
        const AddResult* const result = line.error ? nullptr : &results_->at(job++);
        if (result != nullptr) {
            line.error = errorOf(*result);
        }
        if (line.error) {
            ++refused_;
            if (isPassing(*line.error)) {
                breakOff(*line.error, line.number);
            }
        } else {
            ++addedNow;
            if (settings_.answers == Answers::Refused) {
                continue;
            }
        }
        JsonWriter json;
        json.beginObject().key("line").number(static_cast<std::int64_t>(line.number));
        if (line.error) {
            writeError(json, *line.error);
        } else {
            json.key("status").number(201).key("id").text(result->id);
            if (!result->queue.empty()) {
                json.key("queueQualifiedName").text(result->queue);
            }
        }
        answer_ += std::move(json.endObject()).str() + '\n';
    }
    added_ += addedNow;
    if (settings_.answers == Answers::Refused) {
        answer_ += R"({"through":)" + std::to_string(batch_.back().number) + R"(,"added":)" +
                   std::to_string(addedNow) + "}\n";
    }
    batch_.clear();
    batchBytes_ = 0;
    results_.reset();
}

void JobStream::breakOff(HttpError reason, std::uint64_t nextLine) {
    noMore_ = true;
    parsed_ = text_.size();
    if (!broken_ || nextLine < nextLine_) {
        broken_ = std::move(reason);
        nextLine_ = nextLine;
    }
}

void JobStream::answerEnd() {
    ended_ = true;
    JsonWriter json;
    json.beginObject().key("done").boolean(!broken_);
    json.key("lines").number(static_cast<std::int64_t>(lines_));
    json.key("added").number(static_cast<std::int64_t>(added_));
    json.key("refused").number(static_cast<std::int64_t>(refused_));
    if (broken_) {
        json.key("next").number(static_cast<std::int64_t>(nextLine_));
        writeError(json, *broken_);
    }
    answer_ += std::move(json.endObject()).str() + '\n';
}

}  // namespace drover::api
