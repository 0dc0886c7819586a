#include "config/ConfigSources.h"

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <utility>

#include <Poco/Ascii.h>
#include <Poco/String.h>

#include "config/ConfigFiles.h"
#include "config/KeyNames.h"
#include "config/TrustedFile.h"
#include "drover/Exceptions.h"

extern char** environ;

namespace drover {

namespace {

/// Returns true for a pipe, say, which can be read only once.
bool isReadOnce(const std::string& path) {
    std::error_code ignored;
    const auto status = std::filesystem::status(path, ignored);
    return std::filesystem::exists(status) && !std::filesystem::is_regular_file(status);
}

bool isBlank(const std::string& text) {
    return std::all_of(text.begin(), text.end(), [](char c) { return Poco::Ascii::isSpace(c); });
}

void append(std::vector<std::string>& to, const std::vector<std::string>& more) {
    to.insert(to.end(), more.begin(), more.end());
}

}  // namespace

std::map<std::string, std::string> ConfigSources::processEnvironment() {
    std::map<std::string, std::string> variables;
    for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
        const std::string text = *entry;
        const std::size_t equals = text.find('=');
        if (equals != std::string::npos) {
            variables.emplace(text.substr(0, equals), text.substr(equals + 1));
        }
    }
    return variables;
}

ConfigLayers::ConfigLayers(ConfigSources sources, FileTexts onceRead)
    : sources_(std::move(sources)), texts_(std::move(onceRead)) {
    readFiles();
    readEnvironment();
    readSettings();
}

ConfigLayers ConfigLayers::reread() const {
    FileTexts onceRead;
    for (const auto& [path, text] : texts_) {
        if (isReadOnce(path)) {
            onceRead.emplace(path, text);
        }
    }
    return {sources_, std::move(onceRead)};
}

const std::string& ConfigLayers::readFile(const std::string& path) {
    const auto read = texts_.find(path);
    if (read != texts_.end() && isReadOnce(path)) {
        return read->second;
    }
    return texts_[path] = readWholeFile(path);
}

void ConfigLayers::readFiles() {
    for (const std::string& path : sources_.files) {
        try {
            const FileContents contents = parseProperties(readFile(path), path);
            for (const FileEntry& entry : contents.entries) {
                files_[entry.key] = {entry.value, entry.where};
            }
            append(problems_, contents.problems);
        } catch (const ConfigException& error) {
            problems_.push_back(error.message());
        }
    }
}

void ConfigLayers::readEnvironment() {
    if (!sources_.envFile.empty()) {
        try {
            const FileContents contents =
                parseEnvFile(readFile(sources_.envFile), sources_.envFile);
            for (const FileEntry& entry : contents.entries) {
                environment_.set(entry.key, {entry.value, entry.where + " " + entry.key});
            }
            append(problems_, contents.problems);
        } catch (const ConfigException& error) {
            problems_.push_back(error.message());
        }
    }
    for (const auto& [name, value] : sources_.environment) {
        environment_.set(name, {value, "environment " + name});
    }
}

void ConfigLayers::readSettings() {
    for (const std::string& setting : sources_.settings) {
        const std::size_t equals = setting.find('=');
        const std::string key = Poco::trim(setting.substr(0, equals));
        if (equals == std::string::npos || key.empty()) {
            problems_.push_back("--set " + key + ": expected key=value");
            continue;
        }
        settings_[key] = {Poco::trim(setting.substr(equals + 1)), "--set"};
    }
}

void ConfigLayers::readBeside(const std::string& plugin,
                              const std::string& path,
                              bool trustEverybody) {
    std::error_code ignored;
    if (!std::filesystem::exists(path, ignored)) {
        return;
    }
    if (isReadOnce(path)) {
        // Reading would wait for a writer, and the process with it.
        besideProblems_.push_back(path + ": is not a regular file");
        return;
    }
    try {
        const std::string& text =
            readFile(path);  // Before the check: a refused file has been read as well.
        if (!trustEverybody) {
            requireTrusted(std::filesystem::absolute(path));
        }
        applyBeside(plugin, path, text);
    } catch (const Exception& error) {
        besideProblems_.push_back(error.message());
    }
}

void ConfigLayers::repeatBeside(const std::string& plugin, const std::string& path) {
    if (const auto read = texts_.find(path); read != texts_.end()) {
        applyBeside(plugin, path, read->second);
    }
}

void ConfigLayers::applyBeside(const std::string& plugin,
                               const std::string& path,
                               const std::string& text) {
    const FileContents contents = parseProperties(text, path);
    append(besideProblems_, contents.problems);
    for (const FileEntry& entry : contents.entries) {
        if (pluginOf(entry.key).empty() && aliasOf(entry.key).empty() &&
            entry.key.rfind("plugin." + plugin + ".", 0) != 0) {
            besideProblems_.push_back(
                entry.where + ": " + entry.key +
                ": belongs to the whole process; set it in a file of --config");
        } else if (const auto known = beside_.find(entry.key); known != beside_.end()) {
            besideProblems_.push_back(entry.where + ": " + entry.key + ": is set in " +
                                      known->second.origin + " already");
        } else {
            beside_[entry.key] = {entry.value, entry.where};
        }
    }
}

void ConfigLayers::dropBeside() {
    beside_.clear();
    besideProblems_.clear();
}

std::optional<ConfigValue> ConfigLayers::find(const std::string& key,
                                              const ConfigSchema& schema) const {
    if (const auto set = settings_.find(key); set != settings_.end()) {
        return set->second;
    }
    if (auto variable = environment_.find(key, schema)) {
        return variable;
    }
    for (const ConfigValueMap* layer : {&files_, &beside_}) {
        if (const auto file = layer->find(key); file != layer->end()) {
            return file->second;
        }
    }
    return std::nullopt;
}

std::vector<std::string> ConfigLayers::problems() const {
    std::vector<std::string> all = problems_;
    append(all, besideProblems_);
    return all;
}

std::vector<std::string> ConfigLayers::files() const {
    std::vector<std::string> paths = sources_.files;
    if (!sources_.envFile.empty()) {
        paths.push_back(sources_.envFile);
    }
    return paths;
}

FileTexts ConfigLayers::textsNow(const std::vector<std::string>& paths) const {
    FileTexts texts;
    for (const std::string& path : paths) {
        if (isReadOnce(path)) {
            if (const auto read = texts_.find(path); read != texts_.end()) {
                texts.insert(*read);
            }
            continue;
        }
        try {
            texts[path] = readWholeFile(path);
        } catch (const ConfigException&) {
            // A file that has been there has changed now; the reload that follows reports the reason.
        }
    }
    return texts;
}

std::vector<std::string> emptiedFiles(const FileTexts& now, const FileTexts& before) {
    std::vector<std::string> sentences;
    for (const auto& [path, text] : now) {
        const auto old = before.find(path);
        if (isBlank(text) && old != before.end() && !isBlank(old->second)) {
            sentences.push_back(
                path +
                ": is empty, and what it held stays in force; a file with a comment only "
                "(#) is accepted");
        }
    }
    return sentences;
}

}  // namespace drover
