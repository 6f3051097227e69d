// SHA-256 of many small pieces, by the OpenSSL that Python's hashlib has loaded: nothing is linked, no header is needed.
#pragma once

#include "text.hpp"

namespace compiled {

constexpr size_t SHA256_BYTES = 32;

class Sha256 {
  public:
    Sha256();
    ~Sha256();
    Sha256(const Sha256&) = delete;
    Sha256& operator=(const Sha256&) = delete;

    // Adds the digest of a piece; false, and nothing is added, if it is for hashlib to make.
    bool add(std::string& digests, Slice piece);

  private:
    void* context_;
};

}  // namespace compiled
