#pragma once

#include "http/Transport.h"

namespace drover::api {

/// Changes of a connection that epoll has reported and no call has used yet: it reports each change once.
struct Readiness {
    bool readable = false;
    bool peerShut = false;  ///< The client has shut its side.
    bool lost = false;      ///< Reset, or both sides are shut.

    /// A receive() moved bytes. Their end comes behind them without a further event.
    void onReceived(const Transfer& got) { readable = got.more || peerShut || lost; }
};

}  // namespace drover::api
