#include "sought.hpp"

#include <algorithm>
#include <functional>
#include <utility>

namespace compiled {

Sought::Sought(std::vector<Batch> batches, size_t key) : batches_(std::move(batches)), key_(key) {
    size_t rows = 0;
    for (const Batch& batch : batches_) {
        first_rows_.push_back(rows);
        rows += batch.rows;
    }
    size_t size = 4;
    while (size <= 2 * rows) size *= 2;
    slots_.assign(size, NONE);
    hashes_.reserve(rows);
    is_found_.resize(rows);
    for (const Batch& batch : batches_)
        for (size_t row = 0; row < batch.rows; row++)
            insert(hashes_.size(), std::hash<Slice>{}(record_.of(batch.columns, key_, row)));
}

void Sought::insert(size_t row, size_t hash) {
    size_t slot = hash & (slots_.size() - 1);
    while (slots_[slot] != NONE) slot = (slot + 1) & (slots_.size() - 1);
    slots_[slot] = static_cast<int32_t>(row);
    hashes_.push_back(hash);
}

Slice Sought::record_of(size_t row) {
    auto after = std::upper_bound(first_rows_.begin(), first_rows_.end(), row);
    size_t batch = static_cast<size_t>(after - first_rows_.begin()) - 1;
    const std::vector<ArrowColumn>& columns = batches_[batch].columns;
    return record_.of(columns, columns.size(), row - first_rows_[batch]);
}

bool Sought::find(Slice record) {
    size_t hash = std::hash<Slice>{}(beginning(record, key_));
    for (size_t slot = hash & (slots_.size() - 1); slots_[slot] != NONE; slot = (slot + 1) & (slots_.size() - 1)) {
        size_t row = static_cast<size_t>(slots_[slot]);
        if (hashes_[row] != hash || is_found_[row] || record_of(row) != record) continue;
        is_found_[row] = true;
        return true;
    }
    return false;
}

}  // namespace compiled
