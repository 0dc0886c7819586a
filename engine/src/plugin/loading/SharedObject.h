#pragma once

#include <string>
#include <vector>

namespace drover {

/// Throws PluginException unless `allowed`, sums in hex, is empty or has this one.
void requireAllowed(const std::string& path,
                    const std::string& sha256,
                    const std::vector<std::string>& allowed);

/// A plugin file in this process.
///
/// Loaded from a private copy in memory, never from its path (docs/pitfalls.md#d4): a file overwritten in place would crash
/// the process, and an open path gives the old library again. So a plugin must not count on files beside
/// itself ($ORIGIN). All symbols are bound at once and stay private (docs/pitfalls.md#d1). Never closed: its code has
/// run, and threads, exit functions or exception types of it may be anywhere.
class SharedObject {
public:
    /// Throws PluginException, naming the file, if it is not a complete shared object of this machine or the dynamic
    /// linker refuses it. Static constructors of the plugin run here.
    /// `allowed`: the SHA-256 sums, in hex, of the files that may be loaded; empty: every one.
    /// `tried`: the sum of the bytes that were tried out, the only ones that are loaded then; empty: none were.
    explicit SharedObject(const std::string& path,
                          const std::vector<std::string>& allowed = {},
                          const std::string& tried = "");
    /// The same from the private copy of another process, which has checked it; `copy` stays open.
    SharedObject(std::string path, std::string sha256, int copy);

    /// Returns the dynamic linker's name of the file that was loaded from this private copy.
    [[nodiscard]] static std::string nameOf(int copy);

    /// Returns nullptr if it does not export `name` itself.
    [[nodiscard]] void* symbol(const char* name) const;
    [[nodiscard]] const std::string& path() const noexcept { return path_; }
    /// Returns the sum of the loaded bytes, in hex.
    [[nodiscard]] const std::string& sha256() const noexcept { return sha256_; }
    /// As uniqueSymbols() has them; empty for the copy of another process.
    [[nodiscard]] const std::vector<std::string>& uniqueSymbolNames() const {
        return uniqueSymbols_;
    }
    /// Descriptor of the private copy: sealed, closed on exec, open as long as the process.
    [[nodiscard]] int copy() const noexcept { return copy_; }
    /// The file's name without folder and ".so".
    [[nodiscard]] std::string stem() const;
    /// Returns the size of the file, about its size in memory.
    [[nodiscard]] std::size_t size() const noexcept { return size_; }

private:
    void open(int copy);

    std::string path_;
    std::string sha256_;
    std::vector<std::string> uniqueSymbols_;
    std::size_t size_ = 0;
    int copy_ = -1;
    void* handle_ = nullptr;
};

/// Returns the sum of a file, in hex. Throws PluginException if it cannot be read.
[[nodiscard]] std::string sha256OfFile(const std::string& path);

}  // namespace drover
