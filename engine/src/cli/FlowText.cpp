#include "cli/FlowText.h"

#include <fstream>
#include <iostream>
#include <iterator>
#include <vector>

#include <Poco/Exception.h>

#include "cli/JobOptionsText.h"
#include "drover/Json.h"

namespace drover::cli {

namespace {

FlowJob parseOne(const Operated& on, const JsonView& json, std::vector<JsonView>& children) {
    if (!json.isObject()) {
        throw UsageException(
            R"(a job of a flow must be an object such as {"name": "a", "queueName": "mail"})");
    }
    FlowJob flow;
    for (const auto& [name, value] : json.members()) {
        if (name == "name" && value.isString()) {
            flow.job.name = *value.string();
        } else if (name == "queueName" && value.isString()) {
            flow.queue = on.nameOf(*value.string());
        } else if (name == "prefix" && value.isString()) {
            flow.prefix = *value.string();
        } else if (name == "data") {
            flow.job.data = value.text();
        } else if (name == "opts" && value.isObject()) {
            flow.job.opts = parseJobOptions(value.text());
        } else if (name == "children" && value.isArray()) {
            children = value.elements();
        } else {
            throw UsageException(
                "a job of a flow has name, queueName and prefix (strings), data, "
                "opts (an object) and children (an array); wrong is " +
                name);
        }
    }
    if (flow.queue.empty()) {
        throw UsageException("a job of a flow needs queueName");
    }
    return flow;
}

/// Names the place of a child in an error. The depth of JSON bounds the recursion.
FlowJob parse(const Operated& on, const JsonView& json, const std::string& place = "") {
    std::vector<JsonView> children;
    FlowJob flow;
    try {
        flow = parseOne(on, json, children);
    } catch (const Poco::Exception& error) {
        throw UsageException((place.empty() ? "" : place + ": ") + error.message());
    }
    for (std::size_t i = 0; i < children.size(); ++i) {
        flow.children.push_back(
            parse(on,
                  children[i],
                  place + (place.empty() ? "" : ".") + "children[" + std::to_string(i) + ']'));
    }
    return flow;
}

}  // namespace

FlowJob parseFlow(const Operated& on, std::string_view json) {
    const auto view = JsonView::tryParse(json);
    if (!view) {
        throw UsageException("the flow is not JSON");
    }
    return parse(on, *view);
}

std::string readText(const std::string& file) {
    if (file == "-") {
        return {std::istreambuf_iterator<char>(std::cin), {}};
    }
    std::ifstream in(file, std::ios::binary);
    std::string text{std::istreambuf_iterator<char>(in), {}};
    if (!in) {
        throw UsageException(file + " cannot be read");
    }
    return text;
}

}  // namespace drover::cli
