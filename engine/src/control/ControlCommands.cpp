#include "control/ControlCommands.h"

#include <optional>
#include <vector>

#include <Poco/Exception.h>

#include "core/Similar.h"
#include "drover/JsonWriter.h"

namespace drover {

void ControlCommands::add(const std::string& name, Command command) {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (!commands_.emplace(name, std::move(command)).second) {
        throw Poco::ExistsException("control command " + name);
    }
}

std::string ControlCommands::errorAnswer(const std::string& message) {
    JsonWriter json;
    json.beginObject();
    json.key("ok").boolean(false);
    json.key("error").text(message);
    json.endObject();
    return json.str();
}

std::string ControlCommands::answer(const std::string& request) const {
    const JsonView document = JsonView::tryParse(request).value_or(JsonView());
    const std::optional<std::string> requested = document["command"].string();
    if (!requested) {
        return errorAnswer("a request is one line of JSON: {\"command\": name}");
    }
    const std::string& name = *requested;
    Command command;
    std::vector<std::string> names;
    {
        const std::lock_guard<std::mutex> lock(mutex_);
        const auto found = commands_.find(name);
        if (found != commands_.end()) {
            command = found->second;
        }
        for (const auto& entry : commands_) {
            names.push_back(entry.first);
        }
    }
    if (!command) {
        const auto like = mostSimilar(name, names);
        return errorAnswer("unknown command " + name +
                           (like ? "; did you mean " + *like + "?" : ""));
    }
    try {
        const std::string result = command(document);
        JsonWriter json;
        json.beginObject();
        json.key("ok").boolean(true);
        json.key("result").raw(result);
        json.endObject();
        return json.str();
    } catch (const Poco::Exception& error) {
        return errorAnswer(error.displayText());
    } catch (const std::exception& error) {
        return errorAnswer(error.what());
    } catch (...) {
        return errorAnswer("command " + name + " failed");
    }
}

}  // namespace drover
