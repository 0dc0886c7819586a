#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace drover::api {

/// Returns the body behind its Content-Encoding: gzip, x-gzip and deflate (the zlib format) are inflated, as Express
/// does; identity is returned as it is.
///
/// Throws HttpError: 413 as soon as more than `maxBytes` come out, whatever would follow; 400 if the bytes do not fit the
/// encoding, are cut short or are followed by others; 415 for another encoding, naming those that are supported.
[[nodiscard]] std::string decodedBody(std::string_view body,
                                      std::string_view encoding,
                                      std::size_t maxBytes);

}  // namespace drover::api
