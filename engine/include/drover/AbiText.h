#pragma once

#include <string>
#include <string_view>

#include "drover/Json.h"
#include "drover/PluginAbi.h"

/// Texts on their way over the plugin ABI: the engine and drover/Testing.h use the same functions.
namespace drover::abi {

/// Returns the bytes as text; NULL is empty. A view, which must not outlive the bytes.
[[nodiscard]] inline std::string_view view(drover_bytes bytes) noexcept {
    return bytes.data == nullptr ? std::string_view() : std::string_view(bytes.data, bytes.size);
}

/// Returns the text as bytes, which must not outlive it.
[[nodiscard]] inline drover_bytes bytes(std::string_view text) noexcept {
    return {text.data(), text.size()};
}

/// Receives the reason of a refusal from a plugin.
class ErrorText {
public:
    /// A drover_sink; `context` is the ErrorText.
    static void receive(void* context, drover_bytes reason) noexcept {
        try {
            static_cast<ErrorText*>(context)->text_ = repairedUtf8(view(reason));
        } catch (...) {
            // No memory for the reason: the refusal stands without one.
        }
    }
    [[nodiscard]] std::string text() const { return text_.empty() ? "it gives no reason" : text_; }

private:
    std::string text_;
};

}  // namespace drover::abi
