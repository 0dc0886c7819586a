#include <string>

#include "Fuzz.h"
#include "config/ConfigFiles.h"

using namespace drover;

/// Any file: its assignments have a key, and an error has the file's name.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string text(textOf(data, size));
    for (const FileContents& contents : {parseProperties(text, "f"), parseEnvFile(text, "f")}) {
        for (const FileEntry& entry : contents.entries) {
            FUZZ_REQUIRE(!entry.key.empty());
            FUZZ_REQUIRE(entry.where.rfind("f:", 0) == 0);
        }
        for (const std::string& problem : contents.problems) {
            FUZZ_REQUIRE(problem.rfind("f", 0) == 0);
        }
    }
    return 0;
}
