#pragma once

#include <memory>
#include <string>

struct ssl_ctx_st;

namespace drover::test {

/// A certificate that signs itself, with a fresh key, as two files that go away with it.
class TestCertificate {
public:
    struct Kind {
        int firstDay = -1;  ///< From today on; of its validity.
        int lastDay = 30;
        const char* curve = "P-256";  ///< nullptr: RSA with rsaBits.
        unsigned int rsaBits = 2048;
        const char* passphrase = nullptr;  ///< Protects the key's file.
    };

    explicit TestCertificate(const std::string& name) : TestCertificate(name, Kind()) {}
    TestCertificate(const std::string& name, const Kind& kind);
    ~TestCertificate();
    TestCertificate(const TestCertificate&) = delete;
    TestCertificate& operator=(const TestCertificate&) = delete;

    [[nodiscard]] const std::string& certificate() const { return certificate_; }
    [[nodiscard]] const std::string& key() const { return key_; }

    /// Returns what a client needs that trusts every certificate. Made once.
    static const std::shared_ptr<ssl_ctx_st>& client();

private:
    std::string folder_;
    std::string certificate_;
    std::string key_;
};

}  // namespace drover::test
