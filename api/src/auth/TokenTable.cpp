#include "auth/TokenTable.h"

namespace drover::api {

const AccessToken* TokenTable::find(std::string_view token) const {
    if (token.size() < kLeastBytes || token.size() > kMostBytes) {
        return nullptr;
    }
    const AccessToken::Digest digest = AccessToken::digestOf(token);
    const AccessToken* found = nullptr;
    for (const AccessToken& entry : tokens_) {
        if (entry.hasDigest(digest)) {
            found = &entry;  // No break: see the header.
        }
    }
    return found;
}

}  // namespace drover::api
