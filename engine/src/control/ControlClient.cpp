#include "control/ControlClient.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <Poco/Exception.h>

#include "control/UnixSocket.h"
#include "drover/JsonWriter.h"

namespace drover {

namespace {

constexpr std::size_t kChunk = 16384;

bool wouldBlock() {
    return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
}

/// Returns true if `path` is named as the socket of a process is, and belongs to this user.
bool isOwnSocket(const std::filesystem::path& path) {
    const std::string name = path.filename();
    struct stat info {};
    return name.rfind("drover-", 0) == 0 && path.extension() == ".sock" &&
           lstat(path.c_str(), &info) == 0 && S_ISSOCK(info.st_mode) && info.st_uid == geteuid();
}

bool answers(const std::string& path) {
    try {
        const Descriptor connection = connectUnixSocket(path);
        return true;
    } catch (const Poco::Exception&) {
        // A killed process left its socket.
        return false;
    }
}

}  // namespace

std::string ControlClient::run(const std::string& name) const {
    JsonWriter request;
    request.beginObject();
    request.key("command").text(name);
    request.endObject();
    return exchange(request.str());
}

std::string ControlClient::exchange(const std::string& request) const {
    using Clock = std::chrono::steady_clock;
    using std::chrono::milliseconds;
    const auto deadline = Clock::now() + timeout_;
    const Descriptor descriptor = connectUnixSocket(path_);
    const auto waitFor = [&](short events) {
        const auto left = std::chrono::duration_cast<milliseconds>(deadline - Clock::now());
        pollfd polled{descriptor.get(), events, 0};
        if (left.count() <= 0 || poll(&polled, 1, static_cast<int>(left.count())) == 0) {
            throw Poco::TimeoutException(path_ + ": no answer within " +
                                         std::to_string(timeout_.count()) + " ms");
        }
    };
    const std::string line = request + "\n";
    for (std::size_t sent = 0; sent < line.size();) {
        const ssize_t count =
            ::send(descriptor.get(), line.data() + sent, line.size() - sent, MSG_NOSIGNAL);
        if (count >= 0) {
            sent += static_cast<std::size_t>(count);
        } else if (wouldBlock()) {
            waitFor(POLLOUT);
        } else if (errno == EPIPE || errno == ECONNRESET) {
            // The peer closed, and its reason may still be unread.
            break;
        } else {
            throw Poco::IOException(path_ + ": " + std::strerror(errno), errno);
        }
    }
    std::string answer;
    char buffer[kChunk];
    while (answer.find('\n') == std::string::npos) {
        const ssize_t count = recv(descriptor.get(), buffer, sizeof buffer, 0);
        if (count > 0) {
            answer.append(buffer, static_cast<std::size_t>(count));
        } else if (count < 0 && wouldBlock()) {
            waitFor(POLLIN);
        } else {
            throw Poco::IOException(path_ + ": closed without an answer");
        }
    }
    return answer.substr(0, answer.find('\n'));
}

RunningSockets findRunningSockets(const std::vector<std::string>& folders) {
    RunningSockets found;
    for (const std::string& folder : folders) {
        found.searched.push_back(folder);
        std::vector<std::string> here;
        std::error_code ignored;
        for (const auto& entry : std::filesystem::directory_iterator(folder, ignored)) {
            if (isOwnSocket(entry.path()) && answers(entry.path())) {
                here.push_back(entry.path());
            }
        }
        std::sort(here.begin(), here.end());
        found.paths.insert(found.paths.end(), here.begin(), here.end());
        if (access(folder.c_str(), W_OK | X_OK) == 0) {
            break;
        }
    }
    return found;
}

}  // namespace drover
