#pragma once

#include <memory>
#include <string>
#include <vector>

#include "http/Transport.h"

struct ssl_ctx_st;

namespace drover::api {

/// A certificate with its chain and key, and the rules of every TLS connection that uses them.
///
/// TLS 1.2 and newer at OpenSSL's security level 2, ALPN "http/1.1", session tickets, no renegotiation and no compression.
/// The configuration of OpenSSL on the machine may be stricter.
///
/// Threads: const methods may be called from any thread. A transport may outlive its context.
class TlsContext {
public:
    /// A file in PEM format.
    struct File {
        std::string path;
        std::string setting;  ///< For messages: "conf/producer.properties:7: api.tls.key".
    };

    /// Reads both files. `certificate` has the server's certificate first and its issuers behind it; `key` has the private
    /// key, without a passphrase. Throws ConfigException, naming setting, file and the cure.
    TlsContext(const File& certificate, const File& key);

    /// Begins the server's side of a connection; the handshake is a part of the first transfers.
    [[nodiscard]] std::unique_ptr<Transport> accept(int fd) const;

    /// Returns true if both have the same certificate and chain, and therefore the same key.
    [[nodiscard]] bool sameAs(const TlsContext& other) const;
    /// Returns the last day of the certificate: "2027-03-31".
    [[nodiscard]] std::string lastDay() const;
    /// Returns what an operator should mend although it works: a key that others can read, a certificate out of its time.
    [[nodiscard]] const std::vector<std::string>& warnings() const { return warnings_; }

private:
    std::shared_ptr<ssl_ctx_st> context_;
    std::vector<std::string> warnings_;
};

}  // namespace drover::api
