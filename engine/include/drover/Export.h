#pragma once

/// Marks what libdrover.so exports: classes with functions in the library or with virtual functions, exceptions that the
/// library throws, and functions. Everything without the mark is hidden in it.
///
/// No header for handler plugins uses the mark. A plugin has its own copy of the types in those headers and must not bind to
/// the engine's copy, which may be of another version.
#define DROVER_API __attribute__((visibility("default")))
