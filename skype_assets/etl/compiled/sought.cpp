#include "sought.hpp"

#include <functional>
#include <utility>

namespace compiled {

Sought::Sought(std::vector<ArrowColumn> columns, size_t rows, size_t key)
    : columns_(std::move(columns)), key_(key), hashes_(rows), is_found_(rows) {
    size_t size = 4;
    while (size <= 2 * rows) size *= 2;
    slots_.assign(size, NONE);
    for (size_t row = 0; row < rows; row++) {
        hashes_[row] = std::hash<Slice>{}(record_.of(columns_, key_, row));
        size_t slot = hashes_[row] & (size - 1);
        while (slots_[slot] != NONE) slot = (slot + 1) & (size - 1);
        slots_[slot] = static_cast<int32_t>(row);
    }
}

bool Sought::find(Slice record) {
    size_t hash = std::hash<Slice>{}(beginning(record, key_));
    for (size_t slot = hash & (slots_.size() - 1); slots_[slot] != NONE; slot = (slot + 1) & (slots_.size() - 1)) {
        size_t row = static_cast<size_t>(slots_[slot]);
        if (hashes_[row] != hash || is_found_[row] || record_.of(columns_, columns_.size(), row) != record) continue;
        is_found_[row] = true;
        return true;
    }
    return false;
}

}  // namespace compiled
