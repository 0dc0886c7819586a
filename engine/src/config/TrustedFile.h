#pragma once

#include <string>

namespace drover {

/// Returns if only root and the user of this process can have written a file. Any other writer could run code as this
/// user.
///
/// `path` is absolute. Modes do not count on a file system that is mounted read-only. A folder that all users may write
/// is accepted if it is sticky: the file in it can then be replaced by its owner alone.
/// Throws PluginException, naming the path, its mode or owner, and the cure.
/// Threads: any.
void requireTrusted(const std::string& path);

}  // namespace drover
