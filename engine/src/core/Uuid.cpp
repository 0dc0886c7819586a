#include "core/Uuid.h"

#include <cerrno>
#include <cstring>
#include <sys/random.h>
#include <sys/types.h>

#include <Poco/Exception.h>

namespace drover {

namespace {

constexpr std::size_t kBytes = 16;

std::string randomBytes(std::size_t count) {
    std::string bytes(count, '\0');
    for (std::size_t at = 0; at < count;) {
        const ssize_t got = ::getrandom(bytes.data() + at, count - at, 0);
        if (got < 0 && errno != EINTR) {
            throw Poco::SystemException(std::string("getrandom: ") + std::strerror(errno));
        }
        at += got > 0 ? static_cast<std::size_t>(got) : 0;
    }
    return bytes;
}

std::string uuidOf(const char* bytes) {
    static constexpr char kDigits[] = "0123456789abcdef";
    std::string text;
    text.reserve(36);
    for (std::size_t i = 0; i < kBytes; ++i) {
        unsigned byte = static_cast<unsigned char>(bytes[i]);
        if (i == 6) {
            byte = (byte & 0x0fU) | 0x40U;  // The version.
        } else if (i == 8) {
            byte = (byte & 0x3fU) | 0x80U;  // The variant.
        }
        if (i == 4 || i == 6 || i == 8 || i == 10) {
            text += '-';
        }
        text += kDigits[byte >> 4U];
        text += kDigits[byte & 0x0fU];
    }
    return text;
}

}  // namespace

std::vector<std::string> randomUuids(std::size_t count) {
    const std::string bytes = randomBytes(count * kBytes);
    std::vector<std::string> uuids;
    uuids.reserve(count);
    for (std::size_t i = 0; i < count; ++i) {
        uuids.push_back(uuidOf(bytes.data() + i * kBytes));
    }
    return uuids;
}

}  // namespace drover
