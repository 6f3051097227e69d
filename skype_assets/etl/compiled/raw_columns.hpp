// What extract keeps of each message, as columns: its bytes, their SHA-256, `id` and `messagetype`.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "bytes.hpp"
#include "columns.hpp"
#include "json.hpp"
#include "sha256.hpp"

namespace compiled {

struct RawColumns {
    std::vector<int64_t> ends{0};
    Bytes raw;
    std::string sha256;  // of all, or of none
    TextColumn id, messagetype;
    std::vector<uint8_t> left;  // where the texts are for others to find

    RawColumns(size_t rows, size_t bytes);

    // `places` are those of an `Element`.
    void add(Slice object, int64_t places, Sha256& hash);
};

}  // namespace compiled
