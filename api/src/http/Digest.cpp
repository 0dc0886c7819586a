#include "http/Digest.h"

#include <array>
#include <memory>
#include <openssl/evp.h>
#include <stdexcept>

namespace drover::api {

std::string digestOf(const std::vector<std::string_view>& parts) {
    const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(),
                                                                          EVP_MD_CTX_free);
    bool good = context && EVP_DigestInit_ex(context.get(), EVP_sha256(), nullptr) == 1;
    for (const std::string_view part : parts) {
        const std::string length = std::to_string(part.size()) + ':';
        good = good && EVP_DigestUpdate(context.get(), length.data(), length.size()) == 1 &&
               EVP_DigestUpdate(context.get(), part.data(), part.size()) == 1;
    }
    std::array<unsigned char, EVP_MAX_MD_SIZE> bytes{};
    unsigned int size = 0;
    if (!good || EVP_DigestFinal_ex(context.get(), bytes.data(), &size) != 1) {
        throw std::runtime_error("OpenSSL made no SHA-256");
    }
    constexpr std::string_view kHex = "0123456789abcdef";
    std::string text;
    for (unsigned int i = 0; i < size; ++i) {
        text += kHex[bytes[i] >> 4U];
        text += kHex[bytes[i] & 0xFU];
    }
    return text;
}

}  // namespace drover::api
