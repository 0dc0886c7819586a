#pragma once

namespace drover {

/// The whole life of a handler process: `drover --handler-host`, which IsolatedHandler starts with the descriptors of
/// HandlerProtocol.h. Makes one instance of one handler, runs the engine's requests on this thread, and ends at Stop or
/// when the engine is gone. Returns the exit code.
/// Call it first thing in main().
[[nodiscard]] int runHandlerChild();

}  // namespace drover
