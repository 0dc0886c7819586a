#pragma once

#include <string>

#include "core/JsonText.h"
#include "drover/PluginAbi.h"

namespace drover {

/// Receives the reason of a refusal from a plugin.
class ErrorText {
public:
    /// A drover_sink; `context` is the ErrorText.
    static void take(void* context, drover_bytes bytes) noexcept {
        try {
            static_cast<ErrorText*>(context)->text_ = repairedUtf8({bytes.data, bytes.size});
        } catch (...) {
            // No memory for the reason: the refusal stands without one.
        }
    }
    [[nodiscard]] std::string text() const { return text_.empty() ? "it gives no reason" : text_; }

private:
    std::string text_;
};

}  // namespace drover
