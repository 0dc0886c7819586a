#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>

#include "drover/Metrics.h"
#include "http/ExchangeState.h"

namespace drover::api {

/// Counts the requests of a port, by route.
///
/// Requests for no route share one name, whatever their method, so that clients cannot choose names.
/// Threads: every method may be called from any thread.
class HttpFigures {
public:
    /// Counts an answer. `took`: since the whole request had come; std::nullopt: it was a stream, which ends at the client's
    /// wish, or the request was refused before it was whole.
    void onAnswer(const AnswerNotes& notes,
                  int status,
                  std::optional<std::chrono::nanoseconds> took);
    void measure(Metrics& metrics) const;

private:
    struct Route {
        std::string method;
        std::string path;
        CallHistogram took;
        std::map<int, std::uint64_t> answers;  ///< By status.
    };

    mutable std::mutex mutex_;
    std::map<std::string, Route> routes_;  ///< By "METHOD path".
};

}  // namespace drover::api
