#include "sha256.hpp"

#include <dlfcn.h>

namespace compiled {

namespace {

// Of OpenSSL's documented interface, as it is since version 3.
struct OpenSsl {
    void* (*new_context)() = nullptr;
    void (*free_context)(void*) = nullptr;
    int (*begin)(void*, const void*, const void*) = nullptr;
    int (*update)(void*, const void*, size_t) = nullptr;
    int (*finish)(void*, unsigned char*, unsigned*) = nullptr;
    void* sha256 = nullptr;

    OpenSsl() {
        // Only one that is loaded already: two in one process would be one too many.
        void* library = dlopen("libcrypto.so.3", RTLD_LAZY | RTLD_NOLOAD);
        void* (*fetch)(void*, const char*, const char*) = nullptr;
        bool is_whole = library && find(library, "EVP_MD_fetch", fetch) &&
                        find(library, "EVP_MD_CTX_new", new_context) && find(library, "EVP_MD_CTX_free", free_context) &&
                        find(library, "EVP_DigestInit_ex2", begin) && find(library, "EVP_DigestUpdate", update) &&
                        find(library, "EVP_DigestFinal_ex", finish);
        if (is_whole) sha256 = fetch(nullptr, "SHA256", nullptr);
    }

    template <typename Function>
    static bool find(void* library, const char* name, Function& function) {
        function = reinterpret_cast<Function>(dlsym(library, name));
        return function != nullptr;
    }
};

const OpenSsl& open_ssl() {
    static const OpenSsl FOUND;
    return FOUND;
}

}  // namespace

Sha256::Sha256() : context_(open_ssl().sha256 ? open_ssl().new_context() : nullptr) {}

Sha256::~Sha256() {
    if (context_) open_ssl().free_context(context_);
}

bool Sha256::add(std::string& digests, Slice piece) {
    const OpenSsl& by = open_ssl();
    unsigned char digest[SHA256_BYTES];
    if (!context_ || by.begin(context_, by.sha256, nullptr) != 1 ||
        by.update(context_, piece.data(), piece.size()) != 1 || by.finish(context_, digest, nullptr) != 1)
        return false;
    digests.append(reinterpret_cast<const char*>(digest), sizeof digest);
    return true;
}

}  // namespace compiled
