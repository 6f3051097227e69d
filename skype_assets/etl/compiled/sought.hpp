// Rows that are sought among the records that a server sends.
#pragma once

#include <cstdint>
#include <vector>

#include "records.hpp"

namespace compiled {

class Sought {
  public:
    // All columns are whole and have as many rows, less than 2^31; the first ones, so many, are the key.
    Sought(std::vector<ArrowColumn> columns, size_t rows, size_t key);

    // Whether a record is, byte by byte, a row that was not found before.
    bool find(Slice record);

  private:
    static constexpr int32_t NONE = -1;

    std::vector<ArrowColumn> columns_;
    size_t key_;
    std::vector<size_t> hashes_;  // of the key of each row
    std::vector<int32_t> slots_;  // rows, from where their hashes say; more than half are empty
    std::vector<bool> is_found_;
    Record record_;
};

}  // namespace compiled
