#include "integration/AppProcess.h"

#include <fstream>
#include <iterator>
#include <sstream>
#include <stdexcept>
#include <sys/wait.h>
#include <thread>

#include "support/Patience.h"
#include "support/RedisServer.h"

namespace drover::test {

namespace {

std::string quoted(const std::string& text) {
    std::string result = "'";
    for (const char c : text) {
        result += c == '\'' ? std::string("'\\''") : std::string(1, c);
    }
    return result + "'";
}

std::string contents(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

}  // namespace

AppProcess::AppProcess() : folder_(makeTempFolder("drover-app")) {}

AppProcess::~AppProcess() {
    process_.stop(9);
    removeTree(folder_);
}

std::string AppProcess::write(const std::string& name, const std::string& text) const {
    std::ofstream(path(name), std::ios::binary) << text;
    return path(name);
}

void AppProcess::start(const std::vector<std::string>& args,
                       const std::map<std::string, std::string>& environment) {
    std::string command = (launchBy_.empty() ? "" : launchBy_ + "; ") + "exec env " + envOptions_ +
                          " -i PATH=\"$PATH\" XDG_RUNTIME_DIR=" + quoted(folder_);
    for (const std::string& variable : redisVariables()) {
        command += " " + quoted(variable);
    }
    for (const auto& [name, value] : environment) {
        command += " " + quoted(name + "=" + value);
    }
    command += program_.empty() ? "" : " " + quoted(program_);
    command += " " + quoted(DROVER_BINARY_DIR "/engine/drover");
    for (const std::string& arg : args) {
        command += " " + quoted(arg);
    }
    command += printTo_.empty() ? " >" + quoted(path("out")) + " 2>" + quoted(path("err"))
                                : " >" + quoted(printTo_) + " 2>&1";
    // The output of an earlier run must not pass for that of this run.
    write("out", "");
    write("err", "");
    process_.start({"/bin/sh", "-c", command}, path("shell"));
}

int AppProcess::wait(std::chrono::milliseconds timeout) {
    const auto deadline = std::chrono::steady_clock::now() + timeout;
    while (process_.running()) {
        if (std::chrono::steady_clock::now() > deadline) {
            throw std::runtime_error("drover does not end; its log:\n" + err());
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    // It has ended: this only collects how.
    const int status = process_.stop(0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int AppProcess::run(const std::vector<std::string>& args,
                    const std::map<std::string, std::string>& environment) {
    start(args, environment);
    return wait();
}

std::string AppProcess::out() const {
    return contents(path("out"));
}
std::string AppProcess::err() const {
    return contents(path("err"));
}

void AppProcess::waitForLog(const std::string& text) const {
    process_.waitUntil([&] { return err().find(text) != std::string::npos; }, kPatience);
}

std::vector<std::string> AppProcess::pluginLines(const std::string& plugin,
                                                 const std::string& text) const {
    std::istringstream log(err());
    std::vector<std::string> lines;
    for (std::string line; std::getline(log, line);) {
        if (line.find(text) != std::string::npos &&
            line.find(R"("plugin":")" + plugin + '"') != std::string::npos) {
            lines.push_back(line);
        }
    }
    return lines;
}

void AppProcess::waitForPlugin(const std::string& plugin, const std::string& text) const {
    process_.waitUntil([&] { return !pluginLines(plugin, text).empty(); }, kPatience);
}

}  // namespace drover::test
