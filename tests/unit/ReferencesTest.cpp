#include <algorithm>
#include <array>
#include <cctype>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include <cppunit/extensions/HelperMacros.h>

namespace {

namespace fs = std::filesystem;

const fs::path kRoot = DROVER_SOURCE_DIR;

/// Folders of the repository whose paths documents and comments cite.
constexpr std::array<const char*, 8> kFolders = {
    "engine", "api", "plugins", "tests", "tools", "conf", "schema", "docs"};
constexpr std::array<const char*, 6> kFiles = {
    "README.md", "README.ko.md", "CONTRIBUTING.md", "CHANGELOG.md", "CMakeLists.txt", "dev"};

std::string contentOf(const fs::path& file) {
    std::ifstream in(file, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
}

/// Returns true for a file that people wrote: text, not fetched, not made by a tool.
bool isWritten(const fs::path& file) {
    static const std::set<std::string> kExtensions = {"",
                                                      ".h",
                                                      ".hpp",
                                                      ".c",
                                                      ".cpp",
                                                      ".lua",
                                                      ".sql",
                                                      ".properties",
                                                      ".md",
                                                      ".in",
                                                      ".txt",
                                                      ".sh",
                                                      ".awk",
                                                      ".tsv",
                                                      ".cmake",
                                                      ".mjs"};
    const std::string path = file.string();
    return kExtensions.count(file.extension()) != 0 &&
           path.find("node_modules") == std::string::npos &&
           (path.find("/plugins/dev/") == std::string::npos || file.filename() == "README.md");
}

/// The text of each file of the project by its path in the repository, without this one, which plants broken references.
std::map<std::string, std::string> readProject() {
    std::map<std::string, std::string> texts;
    for (const char* folder : kFolders) {
        for (const auto& entry : fs::recursive_directory_iterator(kRoot / folder)) {
            if (entry.is_regular_file() && isWritten(entry.path()) &&
                entry.path().filename() != "ReferencesTest.cpp") {
                texts[fs::relative(entry.path(), kRoot)] = contentOf(entry.path());
            }
        }
    }
    for (const char* file : kFiles) {
        texts[file] = contentOf(kRoot / file);
    }
    return texts;
}

/// The anchor that a heading of Markdown gets on the usual viewers.
std::string slugOf(std::string heading) {
    static const std::regex kTag("<[^>]*>");
    heading = std::regex_replace(heading, kTag, "");
    std::string slug;
    for (const char c : heading) {
        const auto byte = static_cast<unsigned char>(c);
        if (std::isalnum(byte) != 0 || byte >= 0x80 || c == '-' || c == '_') {
            slug += static_cast<char>(byte < 0x80 ? std::tolower(byte) : byte);
        } else if (c == ' ') {
            slug += '-';
        }
    }
    return slug;
}

std::set<std::string> anchorsOf(const std::string& markdown) {
    static const std::regex kId("<a id=\"([^\"]+)\"></a>");
    std::set<std::string> anchors;
    std::istringstream lines(markdown);
    for (std::string line; std::getline(lines, line);) {
        const auto text = line.find_first_not_of('#');
        if (text != 0 && text != std::string::npos && line[text] == ' ') {
            anchors.insert(slugOf(line.substr(text + 1)));
        }
        for (auto at = std::sregex_iterator(line.begin(), line.end(), kId);
             at != std::sregex_iterator();
             ++at) {
            anchors.insert((*at)[1]);
        }
    }
    return anchors;
}

/// Looks for references that lead nowhere. `files` are texts by path; a path beyond them is looked up on the disk.
class References {
public:
    explicit References(std::map<std::string, std::string> files) : files_(std::move(files)) {
        for (const auto& [path, text] : files_) {
            checkFile(path, text);
        }
    }

    [[nodiscard]] const std::vector<std::string>& broken() const { return broken_; }
    [[nodiscard]] std::size_t count() const { return count_; }

private:
    static bool namesFolder(const std::string& line) {
        return std::any_of(kFolders.begin(), kFolders.end(), [&line](const char* folder) {
            return line.find(std::string(folder) + "/") != std::string::npos;
        });
    }

    void checkFile(const std::string& path, const std::string& text) {
        const bool markdown = fs::path(path).extension() == ".md";
        std::istringstream lines(text);
        int number = 0;
        for (std::string line; std::getline(lines, line);) {
            ++number;
            const auto has = [&line](const char* part) {
                return line.find(part) != std::string::npos;
            };
            // Most lines have no reference, and regular expressions cost much.
            const bool loose = has("itfall") || has("section ") || has("\xC2\xA7");
            if (!loose && !has("](") && !has("docs/") && !namesFolder(line)) {
                continue;
            }
            const std::string where = path + ":" + std::to_string(number);
            checkLoose(where, line);
            checkDocuments(where, line);
            if (markdown) {
                checkLinks(where, path, line);
                checkQuotedPaths(where, line);
            } else {
                checkPathsOfComment(where, line);
            }
        }
    }

    /// Numbers of a text that the repository does not have.
    void checkLoose(const std::string& where, const std::string& line) {
        static const std::regex kLoose(
            "\\b[Pp]itfalls? ([A-Z]?[0-9]|section)|\\bcontract section|\\bsection [0-9]|\xC2\xA7");
        std::smatch found;
        if (std::regex_search(line, found, kLoose)) {
            broken_.push_back(where + ": \"" + found.str() + "\" names no place of the repository");
        }
    }

    /// docs/name.md#anchor, in any file.
    void checkDocuments(const std::string& where, const std::string& line) {
        static const std::regex kDocument(
            R"((^|[^A-Za-z0-9_/.-])(docs/[a-z-]+\.[a-z]+)(#([A-Za-z0-9_-]+))?)");
        forEach(
            line, kDocument, [&](const std::smatch& found) { require(where, found[2], found[4]); });
    }

    /// [text](target#anchor), relative to the document.
    void checkLinks(const std::string& where, const std::string& path, const std::string& line) {
        static const std::regex kLink(R"(\]\(([^)#: ]*)(#([^) ]+))?\))");
        forEach(line, kLink, [&](const std::smatch& found) {
            const std::string target = found[1];
            const fs::path folder = fs::path(path).parent_path();
            require(where,
                    target.empty() ? path : (folder / target).lexically_normal().string(),
                    found[3]);
        });
    }

    /// `tests/unit/X.cpp` in a document.
    void checkQuotedPaths(const std::string& where, const std::string& line) {
        static const std::regex kQuoted(
            R"(`((engine|api|plugins|tests|tools|conf|schema|docs)/[^`#]*)`)");
        forEach(line, kQuoted, [&](const std::smatch& found) { requireConcrete(where, found[1]); });
    }

    /// tests/unit/X.cpp in a comment.
    void checkPathsOfComment(const std::string& where, const std::string& line) {
        static const std::regex kComment(R"((^|\s)(//+|--|#) (.*)$)");
        static const std::regex kPath(
            R"((^|[^A-Za-z0-9_/.-])((engine|api|plugins|tests|tools|conf|schema)/[A-Za-z0-9_/.-]+\.(h|cpp|lua|sql|md|properties|cmake|sh|awk|tsv|mjs)\b))");
        std::smatch comment;
        if (std::regex_search(line, comment, kComment)) {
            forEach(comment[3], kPath, [&](const std::smatch& found) {
                requireConcrete(where, found[2]);
            });
        }
    }

    template <typename Visit>
    static void forEach(const std::string& text, const std::regex& pattern, Visit visit) {
        for (auto at = std::sregex_iterator(text.begin(), text.end(), pattern);
             at != std::sregex_iterator();
             ++at) {
            visit(*at);
        }
    }

    /// A path with a placeholder stands for many, and plugins/dev is the reader's own folder.
    void requireConcrete(const std::string& where, const std::string& path) {
        if (path.find_first_of("<>*{}$ ") == std::string::npos &&
            path.find("NAME") == std::string::npos && path.rfind("plugins/dev/", 0) != 0) {
            require(where, path, "");
        }
    }

    void require(const std::string& where, const std::string& path, const std::string& anchor) {
        ++count_;
        const auto file = files_.find(path);
        if (file == files_.end() && !fs::exists(kRoot / path)) {
            broken_.push_back(where + ": there is no " + path);
        } else if (!anchor.empty() &&
                   (file == files_.end() || anchorsIn(path, file->second).count(anchor) == 0)) {
            broken_.push_back(where + ": " + path + " has no anchor " + anchor);
        }
    }

    const std::set<std::string>& anchorsIn(const std::string& path, const std::string& text) {
        const auto known = anchors_.find(path);
        return known != anchors_.end() ? known->second : anchors_[path] = anchorsOf(text);
    }

    const std::map<std::string, std::string> files_;
    std::map<std::string, std::set<std::string>> anchors_;  ///< By path; read once each.
    std::vector<std::string> broken_;
    std::size_t count_ = 0;
};

std::string linesOf(const std::vector<std::string>& texts) {
    std::string lines;
    for (const std::string& text : texts) {
        lines += "\n" + text;
    }
    return lines;
}

}  // namespace

/// Comments and documents cite what the repository has.
class ReferencesTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(ReferencesTest);
    CPPUNIT_TEST(everyReferenceResolves);
    CPPUNIT_TEST(eachPitfallIsCitedWhereItIsFenced);
    CPPUNIT_TEST(eachKindOfBrokenReferenceIsFound);
    CPPUNIT_TEST(textThatOnlyLooksLikeAReferenceIsLeftAlone);
    CPPUNIT_TEST_SUITE_END();

public:
    void everyReferenceResolves() {
        const References project(readProject());
        CPPUNIT_ASSERT_EQUAL_MESSAGE(
            linesOf(project.broken()), std::size_t{0}, project.broken().size());
        CPPUNIT_ASSERT_MESSAGE("the walk found the project", project.count() > 200);
    }

    void eachPitfallIsCitedWhereItIsFenced() {
        static const std::regex kRow("^\\| <a id=\"([a-z][0-9]+)\"></a>.* \\| ([^|]+) \\|$");
        static const std::regex kFile("`([^`]+)\\.(h|cpp|lua|cmake)`");
        std::istringstream lines(contentOf(kRoot / "docs/pitfalls.md"));
        std::vector<std::string> uncited;
        int rows = 0;
        std::smatch row;
        for (std::string line; std::getline(lines, line);) {
            if (!std::regex_match(line, row, kRow)) {
                continue;
            }
            ++rows;
            const std::string fences = row[2];
            for (auto file = std::sregex_iterator(fences.begin(), fences.end(), kFile);
                 file != std::sregex_iterator();
                 ++file) {
                const std::regex citation("docs/pitfalls\\.md#" + row[1].str() + "\\b");
                const std::string stem = (*file)[1];
                // A class cites it in its header or its source.
                bool cited = false;
                for (const char* extension : {".h", ".cpp", ".lua", ".cmake"}) {
                    cited =
                        cited || std::regex_search(contentOf(kRoot / (stem + extension)), citation);
                }
                if (!cited) {
                    uncited.push_back(stem + "." + (*file)[2].str() + " does not cite " +
                                      row[1].str());
                }
            }
        }
        CPPUNIT_ASSERT_MESSAGE(linesOf(uncited), uncited.empty());
        CPPUNIT_ASSERT_MESSAGE("the rows were read", rows > 50);
    }

    void eachKindOfBrokenReferenceIsFound() {
        const std::array<std::pair<const char*, const char*>, 9> kBroken = {{
            {"a.cpp", "// As docs/none.md has it."},
            {"a.cpp", "/// Renewed in time (docs/some.md#none)."},
            {"a.cpp", "// The table is in tests/unit/NoneTest.cpp."},
            {"a.lua", "-- See engine/lua/none.lua."},
            {"a.cpp", "// Freed twice (pitfall P1)."},
            {"a.cpp", "// As in section 9a of it."},
            {"docs/a.md", "[a document](none.md)"},
            {"docs/a.md", "[a place](#none) and [another](some.md#here)"},
            {"docs/a.md", "The file `engine/src/none.h` has it."},
        }};
        for (const auto& [path, text] : kBroken) {
            const References references({{path, text}, {"docs/some.md", "# Some\n\n## Here\n"}});
            CPPUNIT_ASSERT_EQUAL_MESSAGE(
                text + linesOf(references.broken()), std::size_t{1}, references.broken().size());
        }
    }

    void textThatOnlyLooksLikeAReferenceIsLeftAlone() {
        const std::string document =
            "# A title, with `code`\n\nText <a id=\"h1\"></a>H1\n"
            "[up](#a-title-with-code) [site](https://example.com/docs/none.md) [row](#h1)\n"
            "`plugins/NAME.so`, `plugins/dev/mine.so`, `tests/*/X.cpp`\n";
        const References references(
            {{"docs/a.md", document},
             {"a.cpp", "// Opens docs/a.md#h1.\nopen(\"tests/data/none.sql\");  // as given\n"}});
        CPPUNIT_ASSERT_EQUAL_MESSAGE(
            linesOf(references.broken()), std::size_t{0}, references.broken().size());
        CPPUNIT_ASSERT_EQUAL(std::size_t{3}, references.count());
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(ReferencesTest);
