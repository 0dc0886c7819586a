#include "redis/Command.h"

#include <new>

#include <hiredis/hiredis.h>

namespace drover {

void Command::appendTo(std::string& out) const {
    std::vector<const char*> argv;
    std::vector<std::size_t> lengths;
    argv.reserve(args_.size());
    lengths.reserve(args_.size());
    for (const std::string_view arg : args_) {
        argv.push_back(arg.data());
        lengths.push_back(arg.size());
    }
    // Never the format-string call, which would interpret '%' in data (docs/pitfalls.md#h7).
    char* text = nullptr;
    const int length =
        redisFormatCommandArgv(&text, static_cast<int>(argv.size()), argv.data(), lengths.data());
    if (length < 0) {
        throw std::bad_alloc();
    }
    try {
        out.append(text, static_cast<std::size_t>(length));
    } catch (...) {
        redisFreeCommand(text);
        throw;
    }
    redisFreeCommand(text);
}

}  // namespace drover
