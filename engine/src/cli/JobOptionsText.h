#pragma once

#include <string>
#include <string_view>

#include <Poco/Exception.h>

#include "drover/UnknownOptions.h"

namespace drover::cli {

/// Parses the options of a job to be added. Throws Poco::InvalidArgumentException naming the member that is wrong or unknown.
[[nodiscard]] inline JobOptions parseJobOptions(std::string_view json) {
    JobOptions opts = JobOptions::parse(json);
    if (const std::string unknown = unknownOptionError(opts); !unknown.empty()) {
        throw Poco::InvalidArgumentException("opts: " + unknown);
    }
    return opts;
}

}  // namespace drover::cli
