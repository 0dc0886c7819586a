#include "http/ContentEncoding.h"

#include <algorithm>
#include <array>
#include <zlib.h>

#include "drover/Json.h"
#include "drover/Routes.h"
#include "http/HttpText.h"

namespace drover::api {

namespace {

/// inflateInit2(): the largest window, and the gzip format in place of zlib's.
constexpr int kZlibFormat = MAX_WBITS;
constexpr int kGzipFormat = MAX_WBITS + 16;

class Inflater {
public:
    explicit Inflater(int format) {
        if (inflateInit2(&stream_, format) != Z_OK) {
            throw HttpError(503, "There is no memory to decompress the body", 1);
        }
    }
    ~Inflater() { inflateEnd(&stream_); }
    Inflater(const Inflater&) = delete;
    Inflater& operator=(const Inflater&) = delete;

    z_stream& stream() { return stream_; }

private:
    z_stream stream_{};
};

}  // namespace

std::string decodedBody(std::string_view body, std::string_view encoding, std::size_t maxBytes) {
    if (equalsIgnoringCase(encoding, "identity")) {
        return std::string(body);
    }
    const bool gzip =
        equalsIgnoringCase(encoding, "gzip") || equalsIgnoringCase(encoding, "x-gzip");
    if (!gzip && !equalsIgnoringCase(encoding, "deflate")) {
        throw HttpError(415,
                        "The Content-Encoding \"" + repairedUtf8(encoding.substr(0, 60)) +
                            "\" is not supported; send gzip, deflate or none");
    }
    Inflater inflater(gzip ? kGzipFormat : kZlibFormat);
    z_stream& stream = inflater.stream();
    // zlib writes only to its output; the missing const is its history.
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(body.data()));
    stream.avail_in = static_cast<uInt>(body.size());
    std::string out;
    std::array<char, 16384> piece{};
    int state = Z_OK;
    while (state == Z_OK) {
        stream.next_out = reinterpret_cast<Bytef*>(piece.data());
        stream.avail_out = static_cast<uInt>(piece.size());
        state = inflate(&stream, Z_NO_FLUSH);
        out.append(piece.data(), piece.size() - stream.avail_out);
        if (out.size() > maxBytes) {
            throw HttpError(
                413, "The decompressed body is larger than " + std::to_string(maxBytes) + " bytes");
        }
    }
    if (state != Z_STREAM_END || stream.avail_in != 0) {
        throw HttpError(400,
                        std::string("The body is not one ") + (gzip ? "gzip" : "zlib") +
                            " stream, which its Content-Encoding names");
    }
    return out;
}

}  // namespace drover::api
