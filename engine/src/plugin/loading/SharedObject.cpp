#include "plugin/loading/SharedObject.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <dlfcn.h>
#include <fcntl.h>
#include <filesystem>
#include <link.h>
#include <string_view>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

#include <Poco/DigestEngine.h>
#include <Poco/SHA2Engine.h>

#include "core/Descriptor.h"
#include "drover/Exceptions.h"
#include "plugin/loading/ElfCheck.h"

namespace drover {

namespace {

constexpr off_t kMaxSize = off_t{1}
                           << 30;  // Far above any plugin, far below what would hurt the machine.

[[noreturn]] void refuse(const std::string& path, const std::string& why) {
    throw PluginException(path + ": " + why);
}

[[noreturn]] void refuseErrno(const std::string& path, const char* operation) {
    refuse(path, std::string(operation) + ": " + std::strerror(errno));
}

std::string readAll(const std::string& path) {
    // Non-blocking, so that a FIFO of that name cannot hang the engine.
    const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    if (file.get() < 0) {
        refuseErrno(path, "cannot be opened");
    }
    struct stat status {};
    if (::fstat(file.get(), &status) != 0) {
        refuseErrno(path, "fstat");
    }
    if (!S_ISREG(status.st_mode)) {
        refuse(path, "not a regular file");
    }
    if (status.st_size > kMaxSize) {
        refuse(path,
               std::to_string(status.st_size) + " bytes, a plugin has at most " +
                   std::to_string(kMaxSize));
    }
    std::string bytes(static_cast<std::size_t>(status.st_size), '\0');
    std::size_t have = 0;
    while (have < bytes.size()) {
        const ssize_t got = ::read(file.get(), bytes.data() + have, bytes.size() - have);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            refuseErrno(path, "cannot be read");
        }
        if (got == 0) {
            break;  // It shrank meanwhile; the check of the ELF headers decides whether that matters.
        }
        have += static_cast<std::size_t>(got);
    }
    bytes.resize(have);
    return bytes;
}

void writeAll(const std::string& path, int fd, std::string_view bytes) {
    while (!bytes.empty()) {
        const ssize_t put = ::write(fd, bytes.data(), bytes.size());
        if (put < 0 && errno == EINTR) {
            continue;
        }
        if (put < 0) {
            refuseErrno(path, "its private copy cannot be written");
        }
        bytes.remove_prefix(static_cast<std::size_t>(put));
    }
}

std::string sha256Of(const std::string& bytes) {
    Poco::SHA2Engine digest(Poco::SHA2Engine::SHA_256);
    digest.update(bytes.data(), bytes.size());
    return Poco::DigestEngine::digestToHex(digest.digest());
}

/// Returns the meaning of a linker's reason, where its words are not clear.
const char* explanationOf(const std::string& why) {
    if (why.find("static TLS block") != std::string::npos) {
        return ". It has thread-local variables of the initial-exec model "
               "(-ftls-model=initial-exec, or an allocator such as "
               "jemalloc linked in), for which a process reserves little room: 512 bytes by "
               "default, for all plugins "
               "and every generation of each. Build it with the default model, or start the engine "
               "with "
               "GLIBC_TUNABLES=glibc.rtld.optional_static_tls=BYTES";
    }
    return "";
}

}  // namespace

void requireAllowed(const std::string& path,
                    const std::string& sha256,
                    const std::vector<std::string>& allowed) {
    if (!allowed.empty() && std::find(allowed.begin(), allowed.end(), sha256) == allowed.end()) {
        refuse(path, "its SHA-256 " + sha256 + " is not in plugins.allow");
    }
}

SharedObject::SharedObject(const std::string& path,
                           const std::vector<std::string>& allowed,
                           const std::string& tried)
    : path_(path) {
    const std::string bytes = readAll(path);
    if (const auto complaint = elfComplaint(bytes)) {
        refuse(path, *complaint);
    }
    sha256_ = sha256Of(bytes);
    size_ = bytes.size();
    uniqueSymbols_ = uniqueSymbols(bytes);
    if (!tried.empty() && sha256_ != tried) {
        refuse(
            path,
            "it was replaced during its trial: tried SHA-256 " + tried + ", there is " + sha256_);
    }
    requireAllowed(path, sha256_, allowed);

    Descriptor copy(::memfd_create(("drover-" + stem()).c_str(), MFD_CLOEXEC | MFD_ALLOW_SEALING));
    if (copy.get() < 0) {
        refuseErrno(path, "no memory for its private copy");
    }
    writeAll(path, copy.get(), bytes);
    // Handler processes map the same pages: no process may write to them any more.
    if (::fcntl(copy.get(),
                F_ADD_SEALS,
                F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0) {
        refuseErrno(path, "its private copy cannot be sealed");
    }
    open(copy.get());
    // The linker recognises an open library by its name first: the number must not be used again for another plugin.
    copy_ = copy.release();
}

SharedObject::SharedObject(std::string path, std::string sha256, int copy)
    : path_(std::move(path)), sha256_(std::move(sha256)), copy_(copy) {
    open(copy);
}

void SharedObject::open(int copy) {
    const std::string name = nameOf(copy);
    handle_ = ::dlopen(name.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (handle_ == nullptr) {
        std::string why = ::dlerror();
        // "<name>: <name>: reason", once or twice.
        while (why.compare(0, name.size() + 2, name + ": ") == 0) {
            why.erase(0, name.size() + 2);
        }
        for (std::size_t at = why.find(name); at != std::string::npos; at = why.find(name, at)) {
            why.replace(at, name.size(), "it");
        }
        refuse(path_, "the dynamic linker refuses it: " + why + explanationOf(why));
    }
}

std::string SharedObject::nameOf(int copy) {
    return "/proc/self/fd/" + std::to_string(copy);
}

void* SharedObject::symbol(const char* name) const {
    void* const found = ::dlsym(handle_, name);
    if (found == nullptr) {
        return nullptr;
    }
    // dlsym looks into the libraries that the plugin needs as well; only its own symbols decide its kind.
    link_map* own = nullptr;
    void* owner = nullptr;
    Dl_info info{};
    if (::dlinfo(handle_, RTLD_DI_LINKMAP, &own) != 0 ||
        ::dladdr1(found, &info, &owner, RTLD_DL_LINKMAP) == 0) {
        return nullptr;
    }
    return owner == own ? found : nullptr;
}

std::string SharedObject::stem() const {
    return std::filesystem::path(path_).stem().string();
}

std::string sha256OfFile(const std::string& path) {
    return sha256Of(readAll(path));
}

}  // namespace drover
