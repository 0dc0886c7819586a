#pragma once

#include <map>
#include <optional>
#include <string>

#include "drover/Response.h"

namespace drover::board {

/// The page of the npm package @bull-board/ui, from a folder that has it.
///
/// All files are read once. The page's link to fonts of another host is taken out: nothing is loaded from elsewhere.
/// Threads: any.
class BoardPage {
public:
    /// `folder`: that of the package; empty or missing: the page says how it is installed. `path`: where the board is
    /// served, such as "/board".
    /// Throws ConfigException for a package whose index.ejs this cannot fill.
    BoardPage(const std::string& folder, const std::string& path);

    /// Returns true if the package is there.
    [[nodiscard]] bool isInstalled() const { return installed_; }
    [[nodiscard]] const Response& index() const { return index_; }
    /// `name`: below static/, such as "js/main.js". std::nullopt: no such file.
    [[nodiscard]] std::optional<Response> file(const std::string& name) const;

private:
    void readFiles(const std::string& folder);

    bool installed_ = false;
    Response index_;
    std::map<std::string, Response> files_;
};

}  // namespace drover::board
