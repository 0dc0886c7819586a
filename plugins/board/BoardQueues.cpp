#include "BoardQueues.h"

#include <algorithm>
#include <set>
#include <utility>

#include "BoardAnswer.h"
#include "drover/Scope.h"

namespace drover::board {

namespace {

bool isGlob(const std::string& text) {
    return text.find_first_of("*?") != std::string::npos;
}

}  // namespace

BoardQueues::BoardQueues(Redis redis,
                         std::function<Queue::Settings(const std::string&)> settingsOf,
                         const std::vector<std::string>& wanted)
    : redis_(std::move(redis)), settingsOf_(std::move(settingsOf)) {
    for (const std::string& one : wanted) {
        static_cast<void>(Scope::parse("add:" + one));  // Has the same rules.
        (isGlob(one) ? globs_ : exact_).push_back(one);
    }
}

bool BoardQueues::matches(const std::string& name) const {
    return std::any_of(globs_.begin(), globs_.end(), [&name](const std::string& glob) {
        return matchesGlob(glob, name);
    });
}

void BoardQueues::look() const {
    std::set<std::string> found;
    // No queue is named as a glob is: these are the settings of queues that the configuration does not name.
    const std::string prefix = settingsOf_(globs_.front()).prefix;
    QueueNames page;
    page.cursor = "0";
    do {
        page = QueueReader::queues(redis_, prefix, page.cursor);
        std::copy_if(page.names.begin(),
                     page.names.end(),
                     std::inserter(found, found.end()),
                     [this](const std::string& name) { return matches(name); });
    } while (page.cursor != "0");
    found_.assign(found.begin(), found.end());
    lookAgain_ = Clock::now() + kFresh;
}

std::vector<std::string> BoardQueues::names() const {
    std::set<std::string> all(exact_.begin(), exact_.end());
    if (!globs_.empty()) {
        const std::lock_guard lock(mutex_);
        if (Clock::now() >= lookAgain_) {
            look();
        }
        all.insert(found_.begin(), found_.end());
    }
    return {all.begin(), all.end()};
}

BoardQueue BoardQueues::open(const std::string& name) const {
    const std::vector<std::string> all = names();
    if (!std::binary_search(all.begin(), all.end(), name)) {
        throw BoardError{errorAnswer(404, {"ERRORS.QUEUE_NOT_FOUND"})};
    }
    return {redis_, settingsOf_(name)};
}

BoardQueue BoardQueues::openQualified(const std::string& qualifiedName) const {
    const auto colon = qualifiedName.rfind(':');
    Queue::Settings settings = settingsOf_(qualifiedName.substr(colon + 1));
    settings.prefix = qualifiedName.substr(0, colon);
    return {redis_, settings};
}

bool BoardQueues::shows(const std::string& qualifiedName) const {
    const std::string name = qualifiedName.substr(qualifiedName.rfind(':') + 1);
    const std::vector<std::string> all = names();
    return std::binary_search(all.begin(), all.end(), name) &&
           settingsOf_(name).prefix + ":" + name == qualifiedName;
}

}  // namespace drover::board
