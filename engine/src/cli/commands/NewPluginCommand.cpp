#include "cli/commands/NewPluginCommand.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <ostream>
#include <system_error>
#include <utility>
#include <vector>

#include <Poco/Ascii.h>
#include <Poco/Exception.h>
#include <Poco/String.h>

#include "cli/commands/PluginTemplates.h"
#include "config/Configuration.h"
#include "core/JsonWriter.h"
#include "core/Names.h"
#include "core/Version.h"

namespace drover {

namespace {

namespace fs = std::filesystem;

/// Names that CMake refuses for a target.
constexpr std::array kTargetsOfCMake = {"ALL_BUILD",
                                        "INSTALL",
                                        "PACKAGE",
                                        "RUN_TESTS",
                                        "ZERO_CHECK",
                                        "all",
                                        "clean",
                                        "edit_cache",
                                        "help",
                                        "install",
                                        "package",
                                        "package_source",
                                        "preinstall",
                                        "rebuild_cache",
                                        "test"};

/// What of `name` a plugin's name may have; empty: nothing.
std::string rightName(const std::string& name) {
    std::string right;
    for (const char c : name) {
        if (right.empty() ? Poco::Ascii::isAlpha(c) : Poco::Ascii::isAlphaNumeric(c)) {
            right += c;
        } else if (!right.empty() && right.back() != '-' && right.back() != '_') {
            right += c == '_' ? '_' : '-';
        }
    }
    right.resize(std::min<std::size_t>(right.size(), 64));
    while (!right.empty() && !Poco::Ascii::isAlphaNumeric(right.back())) {
        right.pop_back();
    }
    return right;
}

/// "MyMailer" of "my-mailer".
std::string pascalCase(const std::string& name) {
    std::string out;
    bool begins = true;
    for (const char c : name) {
        if (c == '-' || c == '_') {
            begins = true;
        } else {
            out += begins ? static_cast<char>(Poco::Ascii::toUpper(c)) : c;
            begins = false;
        }
    }
    return out;
}

std::vector<std::pair<fs::path, std::string>> filesOf(const std::string& name) {
    const auto filled = [&name](const char* text) {
        std::string out = Poco::replace(std::string(text), "@NAME@", name.c_str());
        Poco::replaceInPlace(out, "@CLASS@", pascalCase(name).c_str());
        Poco::replaceInPlace(out, "@VERSION@", version());
        return out;
    };
    std::vector<std::pair<fs::path, std::string>> files;
    for (std::size_t i = 0; i < kPluginTemplateCount; ++i) {
        files.emplace_back(filled(kPluginTemplates[i].file), filled(kPluginTemplates[i].text));
    }
    return files;
}

/// Makes the folder; false if there is something of that name.
bool makeFolder(const fs::path& folder) {
    std::error_code error;
    const bool made = fs::create_directory(folder, error);
    if (!made && !fs::exists(fs::symlink_status(folder))) {
        throw Poco::CreateFileException(folder.string() + ": " + error.message());
    }
    return made;
}

void print(const CommandLine& line,
           const fs::path& folder,
           const std::vector<std::pair<fs::path, std::string>>& files,
           std::ostream& out) {
    if (line.json) {
        JsonWriter json;
        json.beginObject();
        json.key("name").text(line.arguments[0]);
        json.key("folder").text(folder.string());
        json.key("files").beginArray();
        for (const auto& [file, text] : files) {
            json.text(file.string());
        }
        json.endArray();
        json.endObject();
        out << json.str() << '\n';
        return;
    }
    for (const auto& [file, text] : files) {
        out << (folder / file).string() << '\n';
    }
    out << "\nNext, with CMake, Ninja and a C++ compiler; " << (folder / "README.md").string()
        << " goes on from there:\n  cmake -S " << folder.string() << " -B "
        << (folder / "build").string() << " -G Ninja && cmake --build "
        << (folder / "build").string() << "\n  ctest --test-dir " << (folder / "build").string()
        << '\n';
}

}  // namespace

std::string pluginNameComplaint(const std::string& name) {
    std::string complaint;
    std::string right = rightName(name);
    if (!isPluginName(name)) {
        complaint = "a name is a letter, then letters, digits, '-' and '_', at most 64 in all";
    } else if (Configuration::isEngineSection(name)) {
        complaint = "keys that begin so are the engine's";
        right += "-plugin";
    } else if (std::find(kTargetsOfCMake.begin(), kTargetsOfCMake.end(), name) !=
               kTargetsOfCMake.end()) {
        complaint = "CMake keeps that name for itself";
        right += "-plugin";
    }
    if (complaint.empty()) {
        return "";
    }
    return "a plugin cannot be named \"" + name + "\": " + complaint +
           (right.empty() ? "" : "; " + right + " would do");
}

ExitCode newPluginCommand(const CommandLine& line, std::ostream& out) {
    const std::string& name = line.arguments[0];
    if (const std::string complaint = pluginNameComplaint(name); !complaint.empty()) {
        throw UsageException(complaint);
    }
    const fs::path parent = line.dir.empty() ? fs::path() : fs::path(line.dir);
    if (!parent.empty() && !fs::is_directory(parent)) {
        throw UsageException("--dir " + line.dir + ": there is no such folder");
    }
    const fs::path folder = parent / name;
    if (!makeFolder(folder)) {
        throw UsageException(folder.string() +
                             " exists already; another NAME or another --dir is needed");
    }
    const auto files = filesOf(name);
    for (const auto& [file, text] : files) {
        std::ofstream stream(folder / file, std::ios::binary);
        stream << text;
        stream.close();
        if (!stream) {
            std::error_code ignored;
            fs::remove_all(folder, ignored);  // Half a plugin helps nobody.
            throw Poco::CreateFileException((folder / file).string() + ": cannot be written");
        }
    }
    print(line, folder, files, out);
    return ExitCode::Ok;
}

}  // namespace drover
