// Rows that are sought among the records that a server sends.
#pragma once

#include <cstdint>
#include <vector>

#include "records.hpp"

namespace compiled {

// Some rows of a table: all columns are whole and have as many.
struct Batch {
    std::vector<ArrowColumn> columns;
    size_t rows;
};

class Sought {
  public:
    // All batches have the same columns, of which the first ones, so many, are the key; less than 2^31 rows together.
    Sought(std::vector<Batch> batches, size_t key);

    // Whether a record is, byte by byte, a row that was not found before.
    bool find(Slice record);

  private:
    static constexpr int32_t NONE = -1;

    std::vector<Batch> batches_;
    std::vector<size_t> first_rows_;  // of each batch
    size_t key_;
    std::vector<size_t> hashes_;  // of the key of each row
    std::vector<int32_t> slots_;  // rows, from where their hashes say; more than half are empty
    std::vector<bool> is_found_;
    Record record_;

    void insert(size_t row, size_t hash);
    Slice record_of(size_t row);
};

}  // namespace compiled
