#include "records.hpp"

#include <algorithm>
#include <cstring>
#include <type_traits>

namespace compiled {

namespace {

constexpr uint64_t UNTIL_2000 = 946684800000000;  // microseconds from 1970 to where PostgreSQL begins to count
constexpr int32_t NO_VALUE = -1;
constexpr int8_t JSONB_VERSION = 1;

template <typename Number>
Number number_at(Slice values, size_t place) {
    Number value;
    std::memcpy(&value, values.data() + place * sizeof value, sizeof value);
    return value;
}

bool bit_at(Slice bits, size_t place) { return static_cast<unsigned char>(bits[place / 8]) >> place % 8 & 1; }

bool has_bits(Slice bits, size_t count) { return bits.size() >= (count + 7) / 8; }

bool has_borders(ServerType type) {
    return type == ServerType::text || type == ServerType::bytea || type == ServerType::jsonb ||
           type == ServerType::texts;
}

// The bytes of a number; 0 for what is none.
size_t width(ServerType type) {
    switch (type) {
        case ServerType::integer: return sizeof(int32_t);
        case ServerType::bigint:
        case ServerType::double_precision:
        case ServerType::timestamptz: return sizeof(int64_t);
        default: return 0;
    }
}

// In the order of the network, from that of a processor which has the lowest byte first, or last.
template <typename Bits>
void spell(char* at, Bits bits) {
    for (size_t place = 0; place < sizeof bits; place++)
        at[place] = static_cast<char>(bits >> 8 * (sizeof bits - 1 - place));
}

}  // namespace

bool ArrowColumn::is_whole() const {
    size_t last = offset + rows;
    if (!validity.empty() && !has_bits(validity, last)) return false;
    if (type == ServerType::boolean) return has_bits(values, last);
    if (size_t bytes = width(type)) return values.size() / bytes >= last;
    if (!has_borders(type) || items.size() != (type == ServerType::texts)) return false;
    if (rows == 0) return true;
    if (ends.size() / sizeof(int32_t) <= last || number_at<int32_t>(ends, offset) < 0) return false;
    for (size_t row = 0; row < rows; row++)
        if (border(row) > border(row + 1)) return false;
    return border(rows) <= (items.empty() ? values.size() : items[0].rows) && (items.empty() || items[0].is_whole());
}

bool ArrowColumn::is_null(size_t row) const { return !validity.empty() && !bit_at(validity, offset + row); }

size_t ArrowColumn::border(size_t row) const { return static_cast<size_t>(number_at<int32_t>(ends, offset + row)); }

Slice ArrowColumn::text(size_t row) const { return values.substr(border(row), border(row + 1) - border(row)); }

template <typename Number>
void Record::put(Number number) {
    constexpr size_t LONGEST = 8;
    if (room_.size() - size_ < LONGEST) room_.resize(2 * room_.size());
    spell(room_.data() + size_, static_cast<std::make_unsigned_t<Number>>(number));
    size_ += sizeof number;
}

template <typename Number>
void Record::put_number(Number number) {
    put(static_cast<int32_t>(sizeof number));
    put(number);
}

void Record::put_bytes(Slice bytes) {
    if (room_.size() - size_ < bytes.size()) room_.resize(2 * (size_ + bytes.size()));
    std::copy(bytes.begin(), bytes.end(), room_.data() + size_);
    size_ += bytes.size();
}

void Record::put_sized(Slice text) {
    put(static_cast<int32_t>(text.size()));
    put_bytes(text);
}

void Record::put_texts(const ArrowColumn& column, size_t row) {
    size_t length_at = size_, first = column.border(row), last = column.border(row + 1);
    put(int32_t{0});                          // its length, which is not known yet
    put(static_cast<int32_t>(first < last));  // dimensions
    put(int32_t{0});                          // whether there are nulls: with one in it, no row is the server's
    put(static_cast<int32_t>(ServerType::text));
    if (first < last) {
        put(static_cast<int32_t>(last - first));
        put(int32_t{1});  // the number of the first
        for (size_t item = first; item < last; item++) {
            if (column.items[0].is_null(item)) {
                put(NO_VALUE);
            } else {
                put_sized(column.items[0].text(item));
            }
        }
    }
    spell(room_.data() + length_at, static_cast<uint32_t>(size_ - length_at - sizeof(int32_t)));
}

void Record::put_value(const ArrowColumn& column, size_t row) {
    size_t place = column.offset + row;
    switch (column.type) {
        case ServerType::boolean: put_number(static_cast<int8_t>(bit_at(column.values, place))); break;
        case ServerType::integer: put_number(number_at<int32_t>(column.values, place)); break;
        case ServerType::bigint:
        case ServerType::double_precision: put_number(number_at<int64_t>(column.values, place)); break;
        case ServerType::timestamptz: put_number(number_at<uint64_t>(column.values, place) - UNTIL_2000); break;
        case ServerType::text:
        case ServerType::bytea: put_sized(column.text(row)); break;
        case ServerType::jsonb:
            put(static_cast<int32_t>(sizeof JSONB_VERSION + column.text(row).size()));
            put(JSONB_VERSION);
            put_bytes(column.text(row));
            break;
        case ServerType::texts: put_texts(column, row); break;
    }
}

Slice Record::of(const std::vector<ArrowColumn>& columns, size_t count, size_t row) {
    size_ = 0;
    put(static_cast<int32_t>(columns.size()));
    for (size_t place = 0; place < count; place++) {
        const ArrowColumn& column = columns[place];
        put(static_cast<int32_t>(column.type));
        if (column.is_null(row)) {
            put(NO_VALUE);
        } else {
            put_value(column, row);
        }
    }
    return Slice(room_.data(), size_);
}

Slice beginning(Slice record, size_t columns) {
    size_t at = sizeof(int32_t);
    for (size_t place = 0; place < columns; place++) {
        constexpr size_t HEAD = 2 * sizeof(int32_t);
        if (at > record.size() || record.size() - at < HEAD) return record;
        uint32_t size = 0;
        for (size_t byte = 0; byte < sizeof size; byte++)
            size = size << 8 | static_cast<unsigned char>(record[at + sizeof(int32_t) + byte]);
        at += HEAD + (size == static_cast<uint32_t>(NO_VALUE) ? 0 : size);
    }
    return record.substr(0, at);
}

}  // namespace compiled
