#include "chaos/Load.h"

#include <algorithm>
#include <iterator>
#include <memory>
#include <rapidjson/document.h>

#include <Poco/Exception.h>
#include <Poco/Net/HTTPClientSession.h>
#include <Poco/Net/HTTPRequest.h>
#include <Poco/Net/HTTPResponse.h>

namespace drover::test {

namespace {

using Clock = std::chrono::steady_clock;

Answer post(Poco::Net::HTTPClientSession& session, const Ask& ask) {
    Answer answer;
    answer.ask = ask;
    Poco::Net::HTTPRequest request(
        Poco::Net::HTTPRequest::HTTP_POST,
        "/reservation/" + std::to_string(ask.eventId) + "/" + std::to_string(ask.userId),
        Poco::Net::HTTPMessage::HTTP_1_1);
    request.setContentLength(0);
    session.sendRequest(request);
    Poco::Net::HTTPResponse response;
    std::istream& body = session.receiveResponse(response);
    const std::string text{std::istreambuf_iterator<char>(body), std::istreambuf_iterator<char>()};
    if (response.getStatus() == Poco::Net::HTTPResponse::HTTP_CREATED) {
        rapidjson::Document job;
        job.Parse(text.c_str());
        if (job.HasParseError() || !job.IsObject() || !job["id"].IsString() ||
            !job["timestamp"].IsInt64()) {
            answer.text = text;
            return answer;  // A 201 without its job is not an answer.
        }
        answer.jobId = job["id"].GetString();
        answer.timestampMs = job["timestamp"].GetInt64();
    }
    answer.status = response.getStatus();
    if (!answer.accepted()) {
        answer.text = text;
    }
    return answer;
}

}  // namespace

Load::Load(int port, std::vector<Ask> asks, int clients, int perSecond, AcceptanceLog* log)
    : port_(port),
      asks_(std::move(asks)),
      gap_(perSecond == 0 ? 0 : 1000000 / perSecond),
      log_(log),
      nextTurn_(Clock::now()) {
    answers_.reserve(asks_.size());
    for (int i = 0; i < clients; ++i) {
        clients_.emplace_back([this] { run(); });
    }
}

Load::~Load() {
    stop();
}

void Load::finish() {
    for (std::thread& client : clients_) {
        client.join();
    }
    clients_.clear();
}

void Load::stop() {
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    changed_.notify_all();
    finish();
}

std::vector<Answer> Load::answers() const {
    const std::lock_guard lock(mutex_);
    return answers_;
}

std::optional<Answer> Load::firstAcceptedAfter(Clock::time_point time) const {
    const std::lock_guard lock(mutex_);
    const auto found = std::find_if(answers_.begin(), answers_.end(), [time](const Answer& answer) {
        return answer.accepted() && answer.at > time;
    });
    return found == answers_.end() ? std::nullopt : std::optional<Answer>(*found);
}

void Load::run() {
    std::unique_ptr<Poco::Net::HTTPClientSession> session;
    while (const std::optional<Ask> ask = next()) {
        Answer answer;
        answer.ask = *ask;
        const std::uint64_t number = log_ == nullptr ? 0 : log_->writeRequest(*ask);
        try {
            if (!session) {
                session = std::make_unique<Poco::Net::HTTPClientSession>(
                    "127.0.0.1", static_cast<Poco::UInt16>(port_));
                session->setKeepAlive(true);
                session->setTimeout(Poco::Timespan(10, 0));
            }
            answer = post(*session, *ask);
        } catch (const Poco::Exception& error) {
            session.reset();  // The answer stays the one that never came.
            answer.text = error.displayText();
        }
        answer.at = Clock::now();
        if (log_ != nullptr) {
            log_->writeAnswer(number, answer);
        }
        accepted_ += answer.accepted() ? 1 : 0;
        const std::lock_guard lock(mutex_);
        answers_.push_back(std::move(answer));
    }
}

std::optional<Ask> Load::next() {
    std::unique_lock lock(mutex_);
    if (gap_.count() > 0) {
        const auto turn = std::max(nextTurn_, Clock::now());
        nextTurn_ = turn + gap_;
        changed_.wait_until(lock, turn, [this] { return stopping_; });
    }
    if (stopping_ || sent_ == asks_.size()) {
        return std::nullopt;
    }
    return asks_[sent_++];
}

}  // namespace drover::test
