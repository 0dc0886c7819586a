#include "http/PendingAnswer.h"

#include <algorithm>
#include <exception>
#include <stdexcept>
#include <utility>

#include "http/StreamState.h"

namespace drover::api {

namespace {

constexpr std::string_view kEvents = "text/event-stream";
constexpr std::string_view kLines = "application/x-ndjson; charset=utf-8";

bool hasBreak(const std::string& text) {
    return text.find_first_of(std::string_view("\r\n\0", 3)) != std::string::npos;
}

/// Returns the event as bytes (HTML Standard, 9.2.6): every line of the data becomes one of its own.
std::string bytesOf(const Event& event) {
    if (hasBreak(event.id) || hasBreak(event.name)) {
        throw std::invalid_argument("the id or name of an event has a line break or NUL");
    }
    std::string bytes;
    bytes.reserve(event.data.size() + event.id.size() + event.name.size() + 32);
    if (!event.id.empty()) {
        bytes.append("id: ").append(event.id).append("\n");
    }
    if (!event.name.empty()) {
        bytes.append("event: ").append(event.name).append("\n");
    }
    for (std::size_t begin = 0; begin <= event.data.size();) {
        const std::size_t end =
            std::min(event.data.find_first_of("\r\n", begin), event.data.size());
        bytes.append("data: ").append(event.data, begin, end - begin).append("\n");
        begin = end + (event.data.compare(end, 2, "\r\n") == 0 ? 2 : 1);
    }
    return bytes += "\n";
}

/// Returns true for a header that decides the framing of an answer; the front writes it.
bool isOfTheFront(const std::string& name) {
    return equalsIgnoringCase(name, "Content-Length") ||
           equalsIgnoringCase(name, "Transfer-Encoding") ||
           equalsIgnoringCase(name, "Connection") || equalsIgnoringCase(name, "Content-Type");
}

/// Sends a part of an answer that has begun, if there is room for it. `Sent`: of an EventStream or an Upload.
template <typename Sent, typename Bytes>
Sent sendPiece(LoopInbox& inbox, Ticket ticket, StreamState& answer, Bytes&& bytes) {
    switch (answer.admit(bytes.size())) {
        case StreamState::Admission::Closed:
            return Sent::Closed;
        case StreamState::Admission::Full:
            return Sent::Full;
        case StreamState::Admission::Yes:
            break;
    }
    inbox.post({ticket, LoopMessage::Kind::StreamPiece, std::forward<Bytes>(bytes)});
    return Sent::Yes;
}

class PostedStream : public EventStream {
public:
    PostedStream(std::shared_ptr<LoopInbox> inbox,
                 Ticket ticket,
                 std::shared_ptr<StreamState> state,
                 std::shared_ptr<void> guard)
        : inbox_(std::move(inbox)),
          ticket_(ticket),
          state_(std::move(state)),
          guard_(std::move(guard)) {}
    ~PostedStream() override { inbox_->post({ticket_, LoopMessage::Kind::StreamEnd, {}}); }
    PostedStream(const PostedStream&) = delete;
    PostedStream& operator=(const PostedStream&) = delete;

    Sent send(const Event& event) override {
        return sendPiece<Sent>(*inbox_, ticket_, *state_, bytesOf(event));
    }
    [[nodiscard]] bool open() const override { return state_->open(); }
    void whenWritable(std::function<void()> callback) override {
        state_->whenWritable(std::move(callback));
    }

private:
    const std::shared_ptr<LoopInbox> inbox_;
    const Ticket ticket_;
    const std::shared_ptr<StreamState> state_;
    const std::shared_ptr<void> guard_;
};

class PostedUpload : public Upload {
public:
    PostedUpload(std::shared_ptr<LoopInbox> inbox,
                 Ticket ticket,
                 std::shared_ptr<StreamState> answer,
                 std::shared_ptr<UploadState> body,
                 std::shared_ptr<void> guard)
        : inbox_(std::move(inbox)),
          ticket_(ticket),
          answer_(std::move(answer)),
          body_(std::move(body)),
          guard_(std::move(guard)) {}
    ~PostedUpload() override { inbox_->post({ticket_, LoopMessage::Kind::StreamEnd, {}}); }
    PostedUpload(const PostedUpload&) = delete;
    PostedUpload& operator=(const PostedUpload&) = delete;

    Arrival read(std::string& bytes) override {
        bool hasRoom = false;
        const Arrival arrival = body_->read(bytes, hasRoom);
        if (hasRoom) {
            inbox_->post({ticket_, LoopMessage::Kind::UploadRead, {}});
        }
        return arrival;
    }
    [[nodiscard]] Problem problem() const override { return body_->problem(); }
    void whenReadable(std::function<void()> callback) override {
        body_->whenReadable(std::move(callback));
    }
    Sent send(const std::string& bytes) override {
        return sendPiece<Sent>(*inbox_, ticket_, *answer_, bytes);
    }
    void whenWritable(std::function<void()> callback) override {
        answer_->whenWritable(std::move(callback));
    }

private:
    const std::shared_ptr<LoopInbox> inbox_;
    const Ticket ticket_;
    const std::shared_ptr<StreamState> answer_;
    const std::shared_ptr<UploadState> body_;
    const std::shared_ptr<void> guard_;
};

}  // namespace

PendingAnswer::~PendingAnswer() {
    try {
        if (target_.state->open()) {
            target_.logger->error("a request was left without an answer");
            post(errorResponse(500, "Internal server error"), false);
        }
        // NOLINTNEXTLINE(bugprone-empty-catch): out of memory; the deadline, if there is one, answers.
    } catch (const std::exception&) {
    }
}

bool PendingAnswer::respond(Response response) {
    if (!target_.state->open()) {
        return false;
    }
    const auto sendable = [](const auto& header) {
        return isSendableHeader(header.first, header.second) && !isOfTheFront(header.first);
    };
    if (!isSendableHeader("Content-Type", response.contentType) ||
        !std::all_of(response.headers.begin(), response.headers.end(), sendable)) {
        target_.logger->error(
            "an answer has a header with a control character or a bad name, or one that the front "
            "sets");
        response = errorResponse(500, "Internal server error");
    }
    return post(std::move(response), target_.keepAlive && !target_.inbox->draining());
}

bool PendingAnswer::post(Response response, bool keepAlive) {
    AnswerNotes& notes = target_.state->notes();
    response.headers.insert(response.headers.end(), notes.headers.begin(), notes.headers.end());
    // Rendered first: after answer() nothing else would answer if this threw.
    LoopMessage message{
        target_.ticket,
        LoopMessage::Kind::Answer,
        answerBytes(response, {.keepAlive = keepAlive, .headOnly = target_.headOnly}),
        response.status,
        keepAlive};
    if (!target_.state->answer()) {
        return false;
    }
    notes.guard.reset();
    target_.inbox->post(std::move(message));
    return true;
}

std::shared_ptr<EventStream> PendingAnswer::stream() {
    if (!target_.state->answer()) {
        return nullptr;
    }
    if (target_.headOnly) {
        target_.inbox->post({target_.ticket,
                             LoopMessage::Kind::Answer,
                             streamHead(kEvents, target_.state->notes().headers),
                             200});
        return nullptr;
    }
    auto state = std::make_shared<StreamState>(target_.streamCapBytes);
    target_.inbox->post({target_.ticket,
                         LoopMessage::Kind::StreamBegin,
                         streamHead(kEvents, target_.state->notes().headers),
                         200,
                         false,
                         state});
    return std::make_shared<PostedStream>(
        target_.inbox, target_.ticket, std::move(state), target_.state->notes().guard);
}

std::shared_ptr<Upload> PendingAnswer::upload() {
    if (!target_.upload || !target_.state->answer()) {
        return nullptr;
    }
    std::string head = target_.expectsContinue ? kContinue : "";
    auto state = std::make_shared<StreamState>(target_.streamCapBytes);
    target_.inbox->post({target_.ticket,
                         LoopMessage::Kind::UploadBegin,
                         head + streamHead(kLines, target_.state->notes().headers),
                         200,
                         false,
                         state});
    return std::make_shared<PostedUpload>(target_.inbox,
                                          target_.ticket,
                                          std::move(state),
                                          target_.upload,
                                          target_.state->notes().guard);
}

}  // namespace drover::api
