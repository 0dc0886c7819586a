#include "docker/DockerFile.h"

#include <fstream>
#include <sstream>
#include <stdexcept>

namespace drover::test {

std::vector<std::string> wordsOf(const std::string& text) {
    std::stringstream stream(text);
    std::vector<std::string> words;
    for (std::string word; stream >> word;) {
        words.push_back(word);
    }
    return words;
}

namespace {

std::string joined(const std::vector<std::string>& words, std::size_t from) {
    std::string text;
    for (std::size_t i = from; i < words.size(); ++i) {
        text += (text.empty() ? "" : " ") + words[i];
    }
    return text;
}

bool isInstruction(const std::string& word) {
    return !word.empty() &&
           word.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZ") == std::string::npos;
}

}  // namespace

std::vector<DockerInstruction> parseDockerfile(const std::string& path) {
    std::ifstream file(path);
    std::vector<DockerInstruction> instructions;
    std::string stage;
    std::string pending;
    for (std::string line; std::getline(file, line);) {
        if (line.find_first_not_of(" \t") == std::string::npos ||
            line[line.find_first_not_of(" \t")] == '#') {
            continue;
        }
        const bool goesOn = line.back() == '\\';
        pending += (goesOn ? line.substr(0, line.size() - 1) : line) + " ";
        if (goesOn) {
            continue;
        }
        const std::vector<std::string> words = wordsOf(pending);
        pending.clear();
        if (!isInstruction(words.at(0))) {
            throw std::runtime_error(path + ": not an instruction: " + words.at(0));
        }
        if (words[0] == "FROM") {
            stage = words.size() == 4 && words[2] == "AS" ? words[3] : "";
        }
        instructions.push_back({words[0], joined(words, 1), stage});
    }
    return instructions;
}

}  // namespace drover::test
