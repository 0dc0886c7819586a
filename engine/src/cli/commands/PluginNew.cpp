#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <memory>
#include <system_error>
#include <utility>
#include <vector>

#include <Poco/Ascii.h>
#include <Poco/Exception.h>
#include <Poco/String.h>

#include "cli/Command.h"
#include "cli/commands/PluginTemplates.h"
#include "config/KeyNames.h"
#include "core/Names.h"
#include "core/Version.h"

namespace drover::cli {

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

/// Returns `name` without the characters that a plugin's name cannot have; empty: none is left.
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

/// Returns "MyMailer" for "my-mailer".
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

/// Makes the folder. Returns false if there is a file or folder of that name.
bool makeFolder(const fs::path& folder) {
    std::error_code error;
    const bool made = fs::create_directory(folder, error);
    if (!made && !fs::exists(fs::symlink_status(folder))) {
        throw Poco::CreateFileException(folder.string() + ": " + error.message());
    }
    return made;
}

/// Writes the files into `folder`, which is new. Throws Poco::CreateFileException, and then removes the folder.
void writeFiles(const fs::path& folder,
                const std::vector<std::pair<fs::path, std::string>>& files) {
    for (const auto& [file, text] : files) {
        std::ofstream stream(folder / file, std::ios::binary);
        stream << text;
        stream.close();
        if (!stream) {
            std::error_code ignored;
            fs::remove_all(folder, ignored);  // Half a plugin is of no use.
            throw Poco::CreateFileException((folder / file).string() + ": cannot be written");
        }
    }
}

/// Returns why a plugin cannot have this name, with one that it can have; empty: it can.
std::string pluginNameComplaint(const std::string& name) {
    std::string complaint;
    std::string right = rightName(name);
    if (!isPluginName(name)) {
        complaint = "a name is a letter, then letters, digits, '-' and '_', at most 64 in all";
    } else if (isEngineSection(name)) {
        complaint = "keys that begin so are the engine's";
        right += "-plugin";
    } else if (std::find(kTargetsOfCMake.begin(), kTargetsOfCMake.end(), name) !=
               kTargetsOfCMake.end()) {
        complaint = "CMake reserves that name";
        right += "-plugin";
    }
    if (complaint.empty()) {
        return "";
    }
    return "a plugin cannot be named \"" + name + "\": " + complaint +
           (right.empty() ? "" : "; " + right + " would do");
}

constexpr Option kDir{"dir", "FOLDER", "where the new folder is made; default: the current one"};

/// `drover plugin new NAME [--dir FOLDER]`: writes the folder NAME with a plugin that builds, and passes its test, against
/// an installed engine.
///
/// All of the folder or nothing. Throws UsageException for a name that no plugin may have, for a missing FOLDER and for an
/// existing NAME; Poco::CreateFileException if the folder cannot be written.
class PluginNew : public Command {
public:
    PluginNew()
        : Command({"plugin new",
                   "writes the folder NAME with a handler plugin that builds and passes its test",
                   {kDir, options::kJson},
                   "NAME",
                   "A handler in C++, its CMakeLists.txt, its .properties file, a test that needs "
                   "no server, and a README.\nIt builds against an installed drover, whose bin "
                   "folder is in PATH or whose prefix is in CMAKE_PREFIX_PATH.\n"}) {}

    [[nodiscard]] ExitCode run(const Invocation& call) const override {
        const std::string& name = call.line.arguments()[0];
        if (const std::string complaint = pluginNameComplaint(name); !complaint.empty()) {
            throw UsageException(complaint);
        }
        const fs::path parent = call.line.value(kDir);
        if (!parent.empty() && !fs::is_directory(parent)) {
            throw UsageException("--dir " + parent.string() + ": there is no such folder");
        }
        const fs::path folder = parent / name;
        if (!makeFolder(folder)) {
            throw UsageException(folder.string() +
                                 " exists already; another NAME or another --dir is needed");
        }
        const auto files = filesOf(name);
        writeFiles(folder, files);
        call.output.print(
            [&](JsonWriter& json) {
                json.beginObject();
                json.key("name").text(name);
                json.key("folder").text(folder.string());
                json.key("files").beginArray();
                for (const auto& [file, text] : files) {
                    json.text(file.string());
                }
                json.endArray();
                json.endObject();
            },
            [&](std::ostream& text) {
                for (const auto& entry : files) {
                    text << (folder / entry.first).string() << '\n';
                }
                const std::string build = (folder / "build").string();
                text << "\nNext, with CMake, Ninja and a C++ compiler; "
                     << (folder / "README.md").string() << " goes on from there:\n  cmake -S "
                     << folder.string() << " -B " << build << " -G Ninja && cmake --build " << build
                     << "\n  ctest --test-dir " << build << '\n';
            });
        return ExitCode::Ok;
    }
};

}  // namespace

std::unique_ptr<Command> makePluginNew() {
    return std::make_unique<PluginNew>();
}

}  // namespace drover::cli
