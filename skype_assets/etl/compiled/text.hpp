// Slices of UTF-8 text, and what Python's str does with them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace compiled {

using Slice = std::string_view;

// Thrown wherever a message is not spelled as Skype's own clients spell it: it is left to the general reader.
struct Unusual {};

inline void require(bool usual) {
    if (!usual) throw Unusual{};
}

inline bool is_digit(char c) { return c >= '0' && c <= '9'; }
inline bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
inline char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }
inline bool starts_with(Slice text, Slice beginning) { return text.substr(0, beginning.size()) == beginning; }
inline bool ends_with(Slice text, Slice end) {
    return text.size() >= end.size() && text.substr(text.size() - end.size()) == end;
}

// Bytes of the character that a text begins with; 0 if it is not UTF-8 as Python decodes it: no surrogates, nothing
// longer than it must be.
size_t character_length(Slice bytes);

// str.strip(), with every blank of Unicode.
Slice strip(Slice text);

// Whether the text is one of ASCII's digits and nothing else.
bool all_digits(Slice text);

// The letters of ASCII in lower case; unusual if there are others.
std::string ascii_lower(Slice text);

// A whole number of at most 18 digits.
int64_t whole_number(Slice digits);

// Microseconds of an instant as servers write it: 2024-11-05T18:04:11.48Z, with zero to seven decimals.
int64_t iso_microseconds(Slice text);

// Microseconds of a whole number of milliseconds since 1970; nothing for 0 or beyond the year 9999.
std::optional<int64_t> milliseconds(Slice digits);

// The same of what old clients wrote in seconds: a number below 1e11 is one.
std::optional<int64_t> milliseconds_or_seconds(Slice digits);

// An instant as JSON details hold it: 2024-11-05T18:04:11.482000Z.
std::string iso_text(int64_t microseconds);

}  // namespace compiled
