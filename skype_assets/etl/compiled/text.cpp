#include "text.hpp"

#include <cstdio>

namespace compiled {

namespace {

constexpr int64_t YEAR_10000 = 253402300800000000;

unsigned char at(Slice text, size_t place) { return static_cast<unsigned char>(text[place]); }

bool is_continued(Slice bytes, size_t count) {
    if (count >= bytes.size()) return false;
    for (size_t i = 1; i <= count; i++)
        if ((at(bytes, i) & 0xC0) != 0x80) return false;
    return true;
}

// The blanks beyond ASCII, as str.isspace() knows them.
constexpr Slice WIDE_BLANKS[] = {
    "\xC2\x85",     "\xC2\xA0",     "\xE1\x9A\x80", "\xE2\x80\x80", "\xE2\x80\x81", "\xE2\x80\x82", "\xE2\x80\x83",
    "\xE2\x80\x84", "\xE2\x80\x85", "\xE2\x80\x86", "\xE2\x80\x87", "\xE2\x80\x88", "\xE2\x80\x89", "\xE2\x80\x8A",
    "\xE2\x80\xA8", "\xE2\x80\xA9", "\xE2\x80\xAF", "\xE2\x81\x9F", "\xE3\x80\x80"};

bool is_ascii_blank(unsigned char c) { return c == ' ' || (c >= 9 && c <= 13) || (c >= 28 && c <= 31); }

size_t blank_at_start(Slice text) {
    if (is_ascii_blank(at(text, 0))) return 1;
    if (at(text, 0) < 0x80) return 0;
    for (Slice blank : WIDE_BLANKS)
        if (starts_with(text, blank)) return blank.size();
    return 0;
}

size_t blank_at_end(Slice text) {
    if (is_ascii_blank(at(text, text.size() - 1))) return 1;
    if (at(text, text.size() - 1) < 0x80) return 0;
    for (Slice blank : WIDE_BLANKS)
        if (ends_with(text, blank)) return blank.size();
    return 0;
}

int64_t two_digits(Slice text, size_t place) {
    require(is_digit(text[place]) && is_digit(text[place + 1]));
    return (text[place] - '0') * 10 + (text[place + 1] - '0');
}

bool is_leap(int64_t year) { return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0; }

// Days from 1970-01-01, for years from 1 on.
int64_t days_since_1970(int64_t year, int64_t month, int64_t day) {
    constexpr int64_t BEFORE_MONTH[] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334};
    constexpr int64_t MONTH_DAYS[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    require(month >= 1 && month <= 12);
    require(day >= 1 && day <= MONTH_DAYS[month - 1] + (month == 2 && is_leap(year)));
    int64_t past = year - 1;
    int64_t days = past * 365 + past / 4 - past / 100 + past / 400 + BEFORE_MONTH[month - 1] + day - 1;
    return days + (month > 2 && is_leap(year)) - 719162;
}

}  // namespace

size_t character_length(Slice bytes) {
    unsigned char first = at(bytes, 0);
    if (first < 0x80) return 1;
    if (first >= 0xC2 && first <= 0xDF) return is_continued(bytes, 1) ? 2 : 0;
    if (first >= 0xE0 && first <= 0xEF) {
        if (!is_continued(bytes, 2)) return 0;
        unsigned char second = at(bytes, 1);
        bool overlong = first == 0xE0 && second < 0xA0, surrogate = first == 0xED && second >= 0xA0;
        return overlong || surrogate ? 0 : 3;
    }
    if (first >= 0xF0 && first <= 0xF4) {
        if (!is_continued(bytes, 3)) return 0;
        unsigned char second = at(bytes, 1);
        bool overlong = first == 0xF0 && second < 0x90, too_large = first == 0xF4 && second >= 0x90;
        return overlong || too_large ? 0 : 4;
    }
    return 0;
}

Slice strip(Slice text) {
    while (!text.empty()) {
        size_t blank = blank_at_start(text);
        if (blank == 0) break;
        text.remove_prefix(blank);
    }
    while (!text.empty()) {
        size_t blank = blank_at_end(text);
        if (blank == 0) break;
        text.remove_suffix(blank);
    }
    return text;
}

bool all_digits(Slice text) {
    for (char c : text)
        if (!is_digit(c)) return false;
    return !text.empty();
}

std::string ascii_lower(Slice text) {
    std::string lowered(text);
    for (char& c : lowered) {
        require(static_cast<unsigned char>(c) < 0x80);
        c = lower(c);
    }
    return lowered;
}

int64_t whole_number(Slice digits) {
    require(all_digits(digits) && digits.size() <= 18);
    int64_t number = 0;
    for (char c : digits) number = number * 10 + (c - '0');
    return number;
}

int64_t iso_microseconds(Slice text) {
    constexpr Slice FORM = "....-..-..T..:..:..";
    constexpr size_t MOST_DECIMALS = 7;
    require(text.size() > FORM.size() && text.back() == 'Z');
    for (size_t i = 0; i < FORM.size(); i++) require(FORM[i] == '.' || FORM[i] == text[i]);
    int64_t year = two_digits(text, 0) * 100 + two_digits(text, 2);
    int64_t hour = two_digits(text, 11), minute = two_digits(text, 14), second = two_digits(text, 17);
    require(year >= 1 && hour <= 23 && minute <= 59 && second <= 59);
    int64_t seconds = days_since_1970(year, two_digits(text, 5), two_digits(text, 8)) * 86400;
    seconds += hour * 3600 + minute * 60 + second;
    Slice decimals = text.substr(FORM.size(), text.size() - FORM.size() - 1);
    int64_t microseconds = 0;
    if (!decimals.empty()) {
        require(decimals[0] == '.' && decimals.size() > 1 && decimals.size() <= MOST_DECIMALS + 1);
        require(all_digits(decimals.substr(1)));
        for (size_t i = 1; i <= 6; i++)
            microseconds = microseconds * 10 + (i < decimals.size() ? decimals[i] - '0' : 0);
    }
    return seconds * 1000000 + microseconds;
}

std::optional<int64_t> milliseconds(Slice digits) {
    int64_t number = whole_number(digits);
    if (number == 0 || number >= YEAR_10000 / 1000) return std::nullopt;
    return number * 1000;
}

std::optional<int64_t> milliseconds_or_seconds(Slice digits) {
    constexpr int64_t SMALLEST_MILLISECONDS = 100000000000;
    bool seconds = whole_number(digits) < SMALLEST_MILLISECONDS;
    return milliseconds(seconds ? std::string(digits) + "000" : std::string(digits));
}

std::string iso_text(int64_t microseconds) {
    constexpr int64_t DAY = 86400000000;
    int64_t days = microseconds / DAY, rest = microseconds % DAY, year = 1970, month = 1;
    // Instants of milliseconds() are in 1970 to 9999: the year of so many days is at most this one.
    for (year += days / 365; days_since_1970(year, 1, 1) > days;) year--;
    while (month < 12 && days_since_1970(year, month + 1, 1) <= days) month++;
    char text[40];
    std::snprintf(text, sizeof text, "%04d-%02d-%02dT%02d:%02d:%02d.%06dZ", static_cast<int>(year),
                  static_cast<int>(month), static_cast<int>(days - days_since_1970(year, month, 1) + 1),
                  static_cast<int>(rest / 3600000000), static_cast<int>(rest / 60000000 % 60),
                  static_cast<int>(rest / 1000000 % 60), static_cast<int>(rest % 1000000));
    return text;
}

}  // namespace compiled
