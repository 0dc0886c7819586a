#include "BoardAnswer.h"

namespace drover::board {

void PageText::write(JsonWriter& out) const {
    out.beginObject().key("key").text(key);
    if (!texts.empty() || !numbers.empty()) {
        out.key("options").beginObject();
        for (const auto& [name, value] : texts) {
            out.key(name).text(value);
        }
        for (const auto& [name, value] : numbers) {
            out.key(name).number(value);
        }
        out.endObject();
    }
    out.endObject();
}

Response errorAnswer(int status, const PageText& error, const ErrorMore& more) {
    JsonWriter out;
    out.beginObject().key("error");
    error.write(out);
    if (more.detail != nullptr) {
        out.key("message");
        more.detail->write(out);
    } else if (!more.message.empty()) {
        out.key("message").text(more.message);
    }
    if (!more.code.empty()) {
        out.key("code").text(more.code);
    }
    if (!more.jobSchedulerId.empty()) {
        out.key("jobSchedulerId").text(more.jobSchedulerId);
    }
    Response response = jsonAnswer(std::move(out.endObject()).str());
    response.status = status;
    return response;
}

Response jsonAnswer(std::string json) {
    Response response;
    response.body = std::move(json);
    response.headers.emplace_back("Cache-Control", "no-store");
    return response;
}

Response emptyAnswer(int status) {
    Response response = jsonAnswer(status == 204 ? "" : "{}");
    response.status = status;
    return response;
}

}  // namespace drover::board
