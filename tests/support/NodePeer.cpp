#include "support/NodePeer.h"

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <fcntl.h>
#include <fstream>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sstream>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

#include <cppunit/TestAssert.h>

#include "support/ServerProcess.h"
#include "support/Skip.h"

namespace drover::test {

namespace {

using Clock = std::chrono::steady_clock;

/// Returns the variables of programs in Node beside the environment of the test; redis.cjs reads the port.
std::vector<std::string> variables(const std::string& modules, int plainPort) {
    return {"NODE_PATH=" + modules, "DROVER_TEST_PLAIN_PORT=" + std::to_string(plainPort)};
}

/// The environment of the child: that of the test, with `more` put in.
std::vector<std::string> environmentWith(std::vector<std::string> more) {
    for (char** entry = environ; *entry != nullptr; ++entry) {
        if (std::string(*entry).rfind("NODE_PATH=", 0) != 0) {
            more.emplace_back(*entry);
        }
    }
    return more;
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
    std::vector<char*> result;
    for (std::string& text : texts) {
        result.push_back(text.data());
    }
    result.push_back(nullptr);
    return result;
}

int millisecondsUntil(Clock::time_point deadline) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now());
    return left.count() < 0 ? 0 : static_cast<int>(left.count()) + 1;
}

}  // namespace

std::string nodeModules() {
    const char* set = std::getenv("DROVER_NODE_MODULES");
    return set != nullptr ? set : DROVER_SOURCE_DIR "/build/npm/compat/node_modules";
}

NodePeer::NodePeer(const std::string& version, const RedisServer& server)
    : version_(version), redisPort_(server.port()) {
    const std::string node = findProgram("node");
    const std::string modules = nodeModules();
    if (access((modules + "/bullmq-" + version + "/package.json").c_str(), R_OK) != 0) {
        throw MissingService("BullMQ " + version + " is not in " + modules +
                             "; ./dev test installs it");
    }
    spawn(node, modules, server.plainPort());
    // The first line comes once every package is loaded. A peer that cannot start is reported here, with its log.
    const rapidjson::Document hello = finish(0, Milliseconds(30000));
    version_ = hello["version"].GetString();
}

NodePeer::~NodePeer() {
    kill();
    unlink(logFile_.c_str());
}

void NodePeer::spawn(const std::string& node, const std::string& modules, int plainPort) {
    // Close-on-exec: the write end in some other child would keep the peer alive after us.
    int in[2];
    int out[2];
    if (pipe2(in, O_CLOEXEC) != 0 || pipe2(out, O_CLOEXEC) != 0) {
        throw std::runtime_error("pipe for the node peer failed");
    }
    char log[] = "/tmp/drover-peer-XXXXXX";
    const int logFd = mkostemp(log, O_CLOEXEC);
    logFile_ = log;

    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, in[0], 0);
    posix_spawn_file_actions_adddup2(&actions, out[1], 1);
    posix_spawn_file_actions_adddup2(&actions, logFd, 2);
    // SIGPIPE is ignored in a test (TestMain) and would stay so across exec; Node expects the default.
    posix_spawnattr_t attributes;
    posix_spawnattr_init(&attributes);
    sigset_t defaults;
    sigemptyset(&defaults);
    sigaddset(&defaults, SIGPIPE);
    posix_spawnattr_setsigdefault(&attributes, &defaults);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);

    std::vector<std::string> args = {
        node, DROVER_SOURCE_DIR "/tests/compat/peer.cjs", version_, std::to_string(redisPort_)};
    std::vector<std::string> environment = environmentWith(variables(modules, plainPort));
    const int failed = posix_spawn(&pid_,
                                   node.c_str(),
                                   &actions,
                                   &attributes,
                                   pointers(args).data(),
                                   pointers(environment).data());
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    close(in[0]);
    close(out[1]);
    close(logFd);
    toPeer_ = in[1];
    fromPeer_ = out[0];
    if (failed != 0) {
        pid_ = -1;
        throw std::runtime_error("cannot start " + node);
    }
}

void NodePeer::kill() {
    if (toPeer_ >= 0) {
        close(toPeer_);
        close(fromPeer_);
        toPeer_ = fromPeer_ = -1;
    }
    if (pid_ > 0) {
        ::kill(pid_, SIGKILL);
        waitpid(pid_, nullptr, 0);
        pid_ = -1;
    }
}

rapidjson::Document NodePeer::call(const std::string& operation,
                                   const std::string& arguments,
                                   Milliseconds timeout) {
    return finish(begin(operation, arguments), timeout);
}

int NodePeer::begin(const std::string& operation, const std::string& arguments) {
    const int id = nextId_++;
    const std::string line = "{\"id\": " + std::to_string(id) + ", \"op\": \"" + operation + "\"" +
                             (arguments.empty() ? "" : ", " + arguments) + "}\n";
    rapidjson::Document check;
    if (check.Parse(line.c_str(), line.size()).HasParseError() ||
        line.find('\n') != line.size() - 1) {
        throw std::invalid_argument("not one line of JSON: " + line);
    }
    for (std::size_t sent = 0; sent < line.size();) {
        const ssize_t n = write(toPeer_, line.data() + sent, line.size() - sent);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            fail("does not read any more (" + operation + ")");
        }
        sent += static_cast<std::size_t>(n);
    }
    return id;
}

rapidjson::Document NodePeer::finish(int request, Milliseconds timeout) {
    const Clock::time_point deadline = Clock::now() + timeout;
    while (answers_.count(request) == 0) {
        const int left = millisecondsUntil(deadline);
        if (left == 0) {
            fail("gave no answer to request " + std::to_string(request) + " within " +
                 std::to_string(timeout.count()) + " ms");
        }
        readOnce(left);
    }
    rapidjson::Document answer = std::move(answers_.at(request));
    answers_.erase(request);
    if (answer.HasMember("error")) {
        const rapidjson::Value& error = answer["error"];
        const bool coded = error.HasMember("code") && error["code"].IsInt();
        throw PeerError(error["message"].GetString(),
                        error["name"].GetString(),
                        coded ? error["code"].GetInt() : 0);
    }
    rapidjson::Document value;
    value.CopyFrom(answer["value"], value.GetAllocator());
    return value;
}

void NodePeer::readOnce(int timeoutMs) {
    if (fromPeer_ < 0) {
        fail("was killed");
    }
    pollfd waited{fromPeer_, POLLIN, 0};
    if (poll(&waited, 1, timeoutMs) <= 0) {
        return;  // Timed out or interrupted: the caller looks at its deadline.
    }
    char buffer[65536];
    const ssize_t n = read(fromPeer_, buffer, sizeof(buffer));
    if (n <= 0) {
        fail("ended");
    }
    unread_.append(buffer, static_cast<std::size_t>(n));
    std::size_t start = 0;
    for (std::size_t end = unread_.find('\n'); end != std::string::npos;
         end = unread_.find('\n', start)) {
        rapidjson::Document answer;
        if (answer.Parse(unread_.data() + start, end - start).HasParseError()) {
            fail("wrote what is not JSON: " + unread_.substr(start, end - start));
        }
        const int id = answer["id"].GetInt();
        answers_[id] = std::move(answer);
        start = end + 1;
    }
    unread_.erase(0, start);
}

void NodePeer::fail(const std::string& what) {
    std::ifstream log(logFile_);
    std::stringstream text;
    text << log.rdbuf();
    throw std::runtime_error("node peer of BullMQ " + version_ + " " + what + "; it said:\n" +
                             text.str());
}

namespace {

std::string runScript(const std::string& script,
                      int port,
                      int plainPort,
                      const std::string& arguments) {
    std::string command = "env";
    for (const std::string& variable : variables(nodeModules(), plainPort)) {
        command += " " + variable;
    }
    command += " " + findProgram("node") + " " + DROVER_SOURCE_DIR "/tests/" + script + " " +
               std::to_string(port) + " " + arguments;
    FILE* pipe = popen(command.c_str(), "r");
    CPPUNIT_ASSERT(pipe != nullptr);
    std::string output;
    std::array<char, 4096> buffer{};
    for (std::size_t n = 0; (n = fread(buffer.data(), 1, buffer.size(), pipe)) > 0;) {
        output.append(buffer.data(), n);
    }
    CPPUNIT_ASSERT_EQUAL_MESSAGE(command, 0, pclose(pipe));
    return output;
}

}  // namespace

std::string runNodeScript(const std::string& script,
                          const RedisServer& server,
                          const std::string& arguments) {
    return runScript(script, server.port(), server.plainPort(), arguments);
}

std::string runNodeScript(const std::string& script, int redisPort, const std::string& arguments) {
    return runScript(script, redisPort, redisPort, arguments);
}

}  // namespace drover::test
