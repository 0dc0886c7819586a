#include "chaos/AcceptanceLog.h"

#include <fcntl.h>
#include <fstream>
#include <map>
#include <stdexcept>
#include <unistd.h>
#include <utility>

namespace drover::test {

namespace {

std::vector<std::string> fieldsOf(const std::string& line) {
    std::vector<std::string> fields(1);
    for (const char c : line) {
        if (c == '\t') {
            fields.emplace_back();
        } else {
            fields.back() += c;
        }
    }
    return fields;
}

/// Returns the text without the characters that separate fields and lines.
std::string plain(std::string text) {
    for (char& c : text) {
        c = c == '\t' || c == '\n' || c == '\r' ? ' ' : c;
    }
    return text;
}

}  // namespace

std::int64_t wallMs() {
    return std::chrono::duration_cast<std::chrono::milliseconds>(
               std::chrono::system_clock::now().time_since_epoch())
        .count();
}

AcceptanceLog::AcceptanceLog(std::string path)
    : path_(std::move(path)),
      file_(open(path_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644)) {
    if (file_ < 0) {
        throw std::runtime_error("acceptance log: cannot write " + path_);
    }
}

AcceptanceLog::~AcceptanceLog() {
    close(file_);
}

std::uint64_t AcceptanceLog::writeRequest(const Ask& ask) {
    const std::uint64_t number = next_++;
    write("asked\t" + std::to_string(number) + '\t' + std::to_string(wallMs()) + '\t' +
          std::to_string(ask.eventId) + '\t' + std::to_string(ask.userId));
    return number;
}

void AcceptanceLog::writeAnswer(std::uint64_t number, const Answer& answer) {
    write("answered\t" + std::to_string(number) + '\t' + std::to_string(wallMs()) + '\t' +
          std::to_string(answer.status) + '\t' + plain(answer.jobId) + '\t' +
          std::to_string(answer.timestampMs) + '\t' + plain(answer.text));
}

void AcceptanceLog::lostByServer(const LossWindow& window) {
    write("lost-by-server\t" + std::to_string(window.fromMs) + '\t' +
          std::to_string(window.untilMs) + '\t' + plain(window.why));
}

void AcceptanceLog::lostByServer(const JobKey& job) {
    write("job-lost-by-server\t" + job.first + '\t' + std::to_string(job.second));
}

void AcceptanceLog::write(const std::string& line) const {
    const std::string whole = line + '\n';
    if (::write(file_, whole.data(), whole.size()) != static_cast<ssize_t>(whole.size())) {
        throw std::runtime_error("acceptance log: cannot write " + path_);
    }
}

AcceptanceLog::Contents AcceptanceLog::read(const std::string& path) {
    Contents contents;
    std::map<std::uint64_t, Answer> byNumber;
    std::ifstream file(path);
    for (std::string line; std::getline(file, line);) {
        const std::vector<std::string> fields = fieldsOf(line);
        if (fields[0] == "asked" && fields.size() == 5) {
            Answer& answer = byNumber[std::stoull(fields[1])];
            answer.sentMs = std::stoll(fields[2]);
            answer.ask = {std::stoll(fields[3]), std::stoll(fields[4])};
        } else if (fields[0] == "answered" && fields.size() == 7) {
            Answer& answer = byNumber.at(std::stoull(fields[1]));
            answer.answeredMs = std::stoll(fields[2]);
            answer.status = std::stoi(fields[3]);
            answer.jobId = fields[4];
            answer.timestampMs = std::stoll(fields[5]);
            answer.text = fields[6];
        } else if (fields[0] == "lost-by-server" && fields.size() == 4) {
            contents.windows.push_back({std::stoll(fields[1]), std::stoll(fields[2]), fields[3]});
        } else if (fields[0] == "job-lost-by-server" && fields.size() == 3) {
            contents.lostJobs.emplace(fields[1], std::stoll(fields[2]));
        } else {
            throw std::runtime_error("acceptance log " + path + ": unknown line: " + line);
        }
    }
    for (auto& [number, answer] : byNumber) {
        contents.answers.push_back(std::move(answer));
    }
    return contents;
}

}  // namespace drover::test
