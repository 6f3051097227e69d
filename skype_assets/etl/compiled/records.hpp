// Rows of Arrow columns as PostgreSQL's `record_send` spells them.
#pragma once

#include <cstdint>
#include <vector>

#include "text.hpp"

namespace compiled {

// Types of PostgreSQL, by their numbers in its catalogue.
enum class ServerType : int32_t {
    boolean = 16,
    bytea = 17,
    bigint = 20,
    integer = 23,
    text = 25,
    double_precision = 701,
    texts = 1009,
    timestamptz = 1184,
    jsonb = 3802,
};

// Some rows of a column in Arrow's layout. Without nulls there is no validity; `ends` are where texts or lists end.
struct ArrowColumn {
    ServerType type;
    size_t offset, rows;
    Slice validity, ends, values;
    std::vector<ArrowColumn> items;  // of lists: their elements, in one column

    // Whether the buffers have as many rows as is said, and it is a type of those.
    bool is_whole() const;
    bool is_null(size_t row) const;
    // Where a text or a list begins; that of the row after it is where it ends.
    size_t border(size_t row) const;
    Slice text(size_t row) const;
};

// Where records are made, one after the other.
class Record {
  public:
    // The record of a row; with less than all columns its beginning. Until the next one is made.
    Slice of(const std::vector<ArrowColumn>& columns, size_t count, size_t row);

  private:
    std::vector<char> room_ = std::vector<char>(1024);
    size_t size_ = 0;

    template <typename Number>
    void put(Number number);
    template <typename Number>
    void put_number(Number number);
    void put_bytes(Slice bytes);
    void put_sized(Slice text);
    void put_texts(const ArrowColumn& column, size_t row);
    void put_value(const ArrowColumn& column, size_t row);
};

// The beginning of a record, up to the end of so many columns; all of it, if it has less.
Slice beginning(Slice record, size_t columns);

}  // namespace compiled
