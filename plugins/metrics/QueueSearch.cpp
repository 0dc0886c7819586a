#include "QueueSearch.h"

#include <algorithm>
#include <set>
#include <utility>

#include <Poco/Exception.h>
#include <Poco/Logger.h>

#include "drover/Json.h"
#include "drover/Scope.h"

namespace drover::metrics {

namespace {

/// Pause between two calls of SCAN, each of which looks at about a thousand keys.
constexpr std::chrono::milliseconds kBetweenPages{5};
/// Pause after a failure: Redis is away, say.
constexpr std::chrono::milliseconds kAfterFailure{5000};

}  // namespace

QueueSearch::QueueSearch(const Redis& redis, Settings settings)
    : redis_(redis), settings_(std::move(settings)) {}

QueueSearch::~QueueSearch() {
    stop();
}

void QueueSearch::start() {
    if (!settings_.globs.empty()) {
        thread_ = std::thread([this] { run(); });
    }
}

void QueueSearch::stop() {
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    changed_.notify_all();
    if (thread_.joinable()) {
        thread_.join();
    }
}

std::vector<std::string> QueueSearch::names() const {
    const std::lock_guard lock(mutex_);
    return names_;
}

std::size_t QueueSearch::leftOut() const {
    const std::lock_guard lock(mutex_);
    return leftOut_;
}

bool QueueSearch::pause(std::chrono::milliseconds time) {
    std::unique_lock lock(mutex_);
    return !changed_.wait_for(lock, time, [this] { return stopping_; });
}

void QueueSearch::run() {
    Poco::Logger& logger = Poco::Logger::get("metrics");
    bool failing = false;
    while (true) {
        std::chrono::milliseconds wait = settings_.interval;
        try {
            if (!search()) {
                return;
            }
            failing = false;
        } catch (const std::exception& error) {
            if (!std::exchange(failing, true)) {
                const auto* const named = dynamic_cast<const Poco::Exception*>(&error);
                logger.warning("the search for queues failed and is repeated: %s",
                               named != nullptr ? named->displayText() : error.what());
            }
            wait = std::min(wait, kAfterFailure);
        }
        if (!pause(wait)) {
            return;
        }
    }
}

bool QueueSearch::search() {
    std::set<std::string> found;
    std::string cursor = "0";
    do {
        QueueNames page = QueueReader::queues(redis_, settings_.prefix, cursor);
        cursor = std::move(page.cursor);
        for (std::string& name : page.names) {
            const bool wanted = std::any_of(
                settings_.globs.begin(), settings_.globs.end(), [&name](const std::string& glob) {
                    return matchesGlob(glob, name);
                });
            // A scrape with another text would be refused as a whole.
            if (wanted && isUtf8(name)) {
                found.insert(std::move(name));
            }
        }
        if (cursor != "0" && !pause(kBetweenPages)) {
            return false;
        }
    } while (cursor != "0");
    std::vector<std::string> names;
    for (const std::string& name : found) {
        if (names.size() == settings_.most) {
            break;
        }
        names.push_back(name);
    }
    const std::lock_guard lock(mutex_);
    leftOut_ = found.size() - names.size();
    names_ = std::move(names);
    return !stopping_;
}

}  // namespace drover::metrics
