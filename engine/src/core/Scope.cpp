#include "drover/Scope.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "core/Similar.h"
#include "drover/Exceptions.h"
#include "drover/Json.h"

namespace drover {

namespace {

constexpr std::array<std::pair<std::string_view, Scope::Kind>, 4> kNames = {
    {{"add", Scope::Kind::Add},
     {"read", Scope::Kind::Read},
     {"operate", Scope::Kind::Operate},
     {"destroy", Scope::Kind::Destroy}}};

std::string quoted(std::string_view text) {
    return jsonString(text.substr(0, 140));
}

/// Returns the kind of that name. Throws ConfigException if there is none.
Scope::Kind kindOf(std::string_view name) {
    for (const auto& [known, kind] : kNames) {
        if (known == name) {
            return kind;
        }
    }
    const std::optional<std::string> nearest =
        mostSimilar(std::string(name), {"add", "read", "operate", "destroy"});
    throw ConfigException("unknown scope " + quoted(name) +
                          "; a scope is add:QUEUE, read, operate or destroy" +
                          (nearest ? "; did you mean " + *nearest + "?" : ""));
}

void requireGlob(std::string_view glob) {
    if (glob.empty()) {
        throw ConfigException(
            "add needs a queue: add:mail allows the queue mail, add:mail-* those that begin so, "
            "add:* every one");
    }
    if (!isUtf8(glob) || std::any_of(glob.begin(), glob.end(), [](char c) {
            return static_cast<unsigned char>(c) <= 0x20 || c == 0x7F;
        })) {
        throw ConfigException("the queue of add:" + quoted(glob) +
                              " is not UTF-8 without blanks and control characters");
    }
    if (glob.find_first_of(":[]{}\\") != std::string_view::npos) {
        throw ConfigException("the queue of add:" + quoted(glob) +
                              " has one of :[]{}\\ in it; '*' stands for any text and '?' for any "
                              "character, and a queue's name has no ':'");
    }
}

/// Returns the offset behind the character at `at`.
std::size_t nextCharacter(std::string_view text, std::size_t at) {
    ++at;
    while (at < text.size() && (static_cast<unsigned char>(text[at]) & 0xC0U) == 0x80U) {
        ++at;
    }
    return at;
}

}  // namespace

bool matchesGlob(std::string_view glob, std::string_view name) {
    // Where the last '*' stood, and the end of the text that it stands for so far: a mismatch makes that one longer.
    std::optional<std::size_t> star;
    std::size_t behindStar = 0;
    std::size_t at = 0;
    std::size_t g = 0;
    while (at < name.size()) {
        if (g < glob.size() && glob[g] == '*') {
            star = g++;
            behindStar = at;
        } else if (g < glob.size() && glob[g] == '?') {
            ++g;
            at = nextCharacter(name, at);
        } else if (g < glob.size() && glob[g] == name[at]) {
            ++g;
            ++at;
        } else if (star) {
            behindStar = nextCharacter(name, behindStar);
            at = behindStar;
            g = *star + 1;
        } else {
            return false;
        }
    }
    return glob.find_first_not_of('*', g) == std::string_view::npos;
}

Scope Scope::parse(std::string_view text) {
    const std::size_t colon = text.find(':');
    const Kind kind = kindOf(text.substr(0, colon));
    if (kind == Kind::Add) {
        const std::string_view glob = colon == std::string_view::npos ? "" : text.substr(colon + 1);
        requireGlob(glob);
        return {kind, std::string(glob)};
    }
    if (colon != std::string_view::npos) {
        throw ConfigException("the scope " + std::string(text.substr(0, colon)) +
                              " holds for all queues, and nothing follows it; only add names "
                              "queues");
    }
    return {kind, ""};
}

bool Scope::covers(const Scope& demanded) const {
    return kind == demanded.kind &&
           (kind != Kind::Add || demanded.queues.empty() || matchesGlob(queues, demanded.queues));
}

std::string Scope::text() const {
    for (const auto& [name, known] : kNames) {
        if (known == kind) {
            return std::string(name) + (kind == Kind::Add ? ":" + queues : "");
        }
    }
    return "";
}

}  // namespace drover
