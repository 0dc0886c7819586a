#pragma once

/// Runs the handlers of a plugin without an engine and without servers, through the functions that the engine calls and
/// with the answers that it gives. So a handler in plain C is tested as one in C++ is.
///
///     drover::testing::Plugin plugin(drover_plugin());           // compiled together with the plugin's sources
///     drover::testing::Instance greet = plugin.create("greet");
///     drover::testing::Job job({.data = R"({"name":"Ada"})"});
///     greet.run(job);
///     assert(job.outcome() == drover::completed(R"("hello Ada")"));

#include "drover/testing/Instance.h"
#include "drover/testing/Job.h"
#include "drover/testing/Plugin.h"
