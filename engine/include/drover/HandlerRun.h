#pragma once

#include <algorithm>
#include <cstdlib>
#include <cxxabi.h>
#include <exception>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <typeinfo>

#include "drover/ActiveJob.h"

// The code between a C++ handler and the C boundary: exceptions become outcomes here. Hidden, so that two plugins in one
// process never share any of it, whatever flags they were built with.
namespace drover {
#pragma GCC visibility push(hidden)
namespace detail {

/// An exception in words.
struct Caught {
    std::string reason;  ///< The outermost message.
    std::string trace;   ///< One line per nested exception, "type: message", outermost first.
};

inline std::string demangled(const std::type_info* type) {
    if (type == nullptr) {
        return "foreign exception";
    }
    int status = 0;
    const std::unique_ptr<char, decltype(&std::free)> name(
        abi::__cxa_demangle(type->name(), nullptr, nullptr, &status), &std::free);
    return name ? name.get() : type->name();
}

/// std::throw_with_nested throws a type of the library's own that wraps the one that was meant.
inline std::string meantType(std::string name) {
    for (const std::string_view wrapper : {"std::_Nested_exception<", "std::__nested<"}) {
        if (name.compare(0, wrapper.size(), wrapper) == 0 && name.back() == '>') {
            return name.substr(wrapper.size(), name.size() - wrapper.size() - 1);
        }
    }
    return name;
}

/// Describes the exception being handled; call it in a catch block only. `depth`: nested exceptions still described.
inline Caught describeCurrent(int depth = 32) {
    const std::string type = meantType(demangled(abi::__cxa_current_exception_type()));
    Caught caught;
    try {
        throw;
    } catch (const std::exception& error) {
        caught.reason = error.what();
        caught.trace = type + ": " + caught.reason;
    } catch (...) {
        caught.reason = "an exception of type " + type + " was thrown";
        caught.trace = type;
    }
    std::replace(caught.trace.begin(), caught.trace.end(), '\n', ' ');
    try {
        throw;
    } catch (const std::nested_exception& outer) {
        if (outer.nested_ptr() && depth > 0) {
            try {
                outer.rethrow_nested();
            } catch (...) {
                caught.trace.append("\n").append(describeCurrent(depth - 1).trace);
            }
        }
    } catch (...) {
        // Nothing is nested in it.
    }
    return caught;
}

/// Fails a job with the exception being handled; a machine out of memory still gets a reason.
inline void failWithCurrent(ActiveJob& job) noexcept {
    try {
        try {
            const Caught caught = describeCurrent();
            job.fail(caught.reason, caught.trace);
        } catch (const std::bad_alloc&) {
            job.fail("out of memory", "std::bad_alloc");
        }
    } catch (...) {
        // The host refused even that: the job stays without outcome and is handed back.
    }
}

inline void makeUnavailable(std::span<ActiveJob> jobs, const Unavailable& error) noexcept {
    for (ActiveJob& job : jobs) {
        try {
            if (!job.decided()) {
                job.unavailable(error.what(), error.retryAfter());
            }
        } catch (...) {
            // The host refused it: the job stays without outcome and is handed back.
        }
    }
}

/// Runs jobs by `process(span)` until each has an outcome or was left alone by a run that ended well.
///
/// An exception is blamed on one job: in a batch of one on that job, in a larger one by running the halves of the
/// undecided jobs again. Each run is smaller than the one before, so this ends. Moves elements of `jobs` about.
template <typename Process>
void runJobs(std::span<ActiveJob> jobs, Process& process) noexcept {
    try {
        process(jobs);
        return;
    } catch (const Unavailable& error) {
        makeUnavailable(jobs, error);
        return;
    } catch (...) {
        if (jobs.size() == 1) {
            if (!jobs.front().decided()) {
                failWithCurrent(jobs.front());
            }
            return;
        }
    }
    const auto end = std::remove_if(
        jobs.begin(), jobs.end(), [](const ActiveJob& job) { return job.decided(); });
    const auto undecided = jobs.first(static_cast<std::size_t>(end - jobs.begin()));
    const std::size_t half = (undecided.size() + 1) / 2;
    if (half > 0) {
        runJobs(undecided.first(half), process);
    }
    if (undecided.size() > half) {
        runJobs(undecided.subspan(half), process);
    }
}

}  // namespace detail
#pragma GCC visibility pop
}  // namespace drover
