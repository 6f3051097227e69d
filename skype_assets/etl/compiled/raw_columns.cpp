#include "raw_columns.hpp"

namespace compiled {

namespace {

// Columns of texts have 32-bit offsets.
constexpr size_t MOST_TEXT = size_t{1} << 28;

}  // namespace

RawColumns::RawColumns(size_t rows, size_t bytes) : raw(bytes) {
    constexpr size_t USUAL_ID = 16, USUAL_TYPE = 12;
    ends.reserve(rows + 1);
    sha256.reserve(rows * SHA256_BYTES);
    id.reserve(rows, rows * USUAL_ID);
    messagetype.reserve(rows, rows * USUAL_TYPE);
    left.reserve(rows);
}

void RawColumns::add(Slice object, int64_t places, Sha256& hash) {
    if (sha256.size() == left.size() * SHA256_BYTES) hash.add(sha256, object);
    raw.append(object);
    ends.push_back(static_cast<int64_t>(raw.size()));
    bool is_known = places != 0 && raw.size() <= MOST_TEXT;
    if (is_known) {
        Named named = Named::at(places, object);
        id.add(named.id);
        messagetype.add(named.messagetype);
    } else {
        id.add_null();
        messagetype.add_null();
    }
    left.push_back(!is_known);
}

}  // namespace compiled
