#include "app/HealthCommand.h"

#include <algorithm>
#include <filesystem>
#include <ostream>
#include <rapidjson/document.h>
#include <sys/stat.h>
#include <unistd.h>
#include <vector>

#include <Poco/Exception.h>

#include "app/ControlSocket.h"
#include "app/JsonWriter.h"
#include "app/Settings.h"

namespace drover {

namespace {

constexpr std::chrono::milliseconds kPatience{5000};

/// The sockets of living processes of this user, drover-<pid>.sock in the runtime folder.
std::vector<std::string> runningSockets(const std::string& folder) {
    std::vector<std::string> found;
    std::error_code ignored;
    for (const auto& entry : std::filesystem::directory_iterator(folder, ignored)) {
        const std::string name = entry.path().filename();
        struct stat info {};
        const bool ours = name.rfind("drover-", 0) == 0 && entry.path().extension() == ".sock" &&
                          lstat(entry.path().c_str(), &info) == 0 && S_ISSOCK(info.st_mode) &&
                          info.st_uid == geteuid();
        if (!ours) {
            continue;
        }
        try {
            const Descriptor answered = connectUnixSocket(entry.path());
            found.push_back(entry.path());
        } catch (const Poco::Exception&) {
            // Left by a process that was killed.
        }
    }
    std::sort(found.begin(), found.end());
    return found;
}

std::string socketOf(const CommandLine& line,
                     const std::map<std::string, std::string>& environment,
                     const Configuration& config) {
    if (!line.socket.empty()) {
        return line.socket;
    }
    std::string configured = config.text("control.socket");
    if (configured == "off") {
        throw UsageException("control.socket is off: this process cannot be asked");
    }
    if (!configured.empty()) {
        return configured;
    }
    const std::string folder = runtimeFolder(environment);
    const std::vector<std::string> found = runningSockets(folder);
    if (found.empty()) {
        throw Poco::IOException("no process of this user answers in " + folder);
    }
    if (found.size() > 1) {
        std::string all;
        for (const std::string& path : found) {
            all += "\n  --socket " + path;
        }
        throw UsageException("several processes run; name one:" + all);
    }
    return found[0];
}

void printText(const rapidjson::Value& report, std::ostream& out) {
    out << (report["ok"].GetBool() ? "ok" : "not ok") << ": " << report["state"].GetString()
        << ", process " << report["pid"].GetInt64() << ", version " << report["version"].GetString()
        << ", up " << report["uptimeMs"].GetInt64() / 1000 << " s\n";
    for (const auto& check : report["checks"].GetArray()) {
        out << "  " << (check["ok"].GetBool() ? "ok      " : "not ok  ")
            << check["name"].GetString();
        if (check["detail"].GetStringLength() > 0) {
            out << ": " << check["detail"].GetString();
        }
        out << '\n';
    }
}

}  // namespace

ExitCode healthCommand(const CommandLine& line,
                       const std::map<std::string, std::string>& environment,
                       const Configuration& config,
                       std::ostream& out) {
    std::string reason;
    try {
        const std::string path = socketOf(line, environment, config);
        const std::string answer = askControlSocket(path, R"({"command":"health"})", kPatience);
        rapidjson::Document document;
        document.Parse(answer.data(), answer.size());
        if (!document.HasParseError() && document.IsObject() && document.HasMember("result") &&
            document["result"].IsObject() && document["result"].HasMember("ok")) {
            const rapidjson::Value& report = document["result"];
            if (line.json) {
                rapidjson::StringBuffer buffer;
                rapidjson::Writer<rapidjson::StringBuffer> writer(buffer);
                report.Accept(writer);
                out << buffer.GetString() << '\n';
            } else {
                printText(report, out);
            }
            return report["ok"].GetBool() ? ExitCode::Ok : ExitCode::Unavailable;
        }
        reason = path + ": this is no answer of drover";
    } catch (const UsageException&) {
        throw;
    } catch (const Poco::Exception& error) {
        reason = error.message();
    }
    if (line.json) {
        JsonWriter json;
        json.beginObject();
        json.key("ok").boolean(false);
        json.key("error").text(reason);
        json.endObject();
        out << json.str() << '\n';
    } else {
        out << "not ok: " << reason << '\n';
    }
    return ExitCode::Unavailable;
}

}  // namespace drover
