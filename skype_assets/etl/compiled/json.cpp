#include "json.hpp"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include <cstdio>
#include <utility>
#include <vector>

namespace compiled {

namespace {

// Whether a character needs a look: a quotation mark, a backslash, a control character, a byte beyond ASCII.
bool is_special(char c) { return c == '"' || c == '\\' || static_cast<signed char>(c) < 0x20; }

bool is_blank(char c) { return c == ' ' || c == '\n' || c == '\t' || c == '\r'; }

// Where the next of them is, or the end. Sixteen bytes are compared at a time, where every processor can.
const char* next_special(const char* at, const char* end) {
#ifdef __SSE2__
    const __m128i quote = _mm_set1_epi8('"'), backslash = _mm_set1_epi8('\\'), blank = _mm_set1_epi8(' ');
    for (; end - at >= 16; at += 16) {
        __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
        __m128i marks = _mm_or_si128(_mm_cmpeq_epi8(bytes, quote), _mm_cmpeq_epi8(bytes, backslash));
        int special = _mm_movemask_epi8(_mm_or_si128(marks, _mm_cmplt_epi8(bytes, blank)));
        if (special) return at + __builtin_ctz(static_cast<unsigned>(special));
    }
#endif
    while (at < end && !is_special(*at)) at++;
    return at;
}

// Deeper values are the general reader's business, and so are numbers that may not fit anything.
constexpr int DEEPEST = 32;
constexpr size_t LONGEST_INTEGER = 18, LONGEST_NUMBER = 30;

void add_utf8(std::string& text, uint32_t point) {
    if (point < 0x80) {
        text += static_cast<char>(point);
    } else if (point < 0x800) {
        text += static_cast<char>(0xC0 | point >> 6);
        text += static_cast<char>(0x80 | (point & 0x3F));
    } else if (point < 0x10000) {
        text += static_cast<char>(0xE0 | point >> 12);
        text += static_cast<char>(0x80 | (point >> 6 & 0x3F));
        text += static_cast<char>(0x80 | (point & 0x3F));
    } else {
        text += static_cast<char>(0xF0 | point >> 18);
        text += static_cast<char>(0x80 | (point >> 12 & 0x3F));
        text += static_cast<char>(0x80 | (point >> 6 & 0x3F));
        text += static_cast<char>(0x80 | (point & 0x3F));
    }
}

}  // namespace

void Json::space() {
    while (at_ < end_ && is_blank(*at_)) at_++;
}

bool Json::take(char wanted) {
    space();
    if (at_ == end_ || *at_ != wanted) return false;
    at_++;
    return true;
}

void Json::expect(char wanted) { require(take(wanted)); }

char Json::next() {
    space();
    require(at_ < end_);
    return *at_;
}

void Json::finish() {
    space();
    require(at_ == end_);
}

void Json::word(Slice wanted) {
    require(starts_with(Slice(at_, end_ - at_), wanted));
    at_ += wanted.size();
}

bool Json::null() {
    if (next() != 'n') return false;
    word("null");
    return true;
}

Slice Json::string(std::string& scratch) { return string(&scratch); }

Slice Json::string(std::string* scratch) {
    expect('"');
    const char* begin = at_;
    bool escaped = false;
    while (true) {
        at_ = next_special(at_, end_);
        while (at_ < end_ && static_cast<signed char>(*at_) < 0) {
            size_t length = character_length(Slice(at_, end_ - at_));
            require(length > 0);
            at_ += length;
        }
        if (at_ < end_ && !is_special(*at_)) continue;
        require(at_ < end_ && static_cast<unsigned char>(*at_) >= 0x20);
        if (*at_ == '"') break;
        if (!scratch) {
            escape(nullptr);
            continue;
        }
        if (!escaped) scratch->clear();
        escaped = true;
        scratch->append(begin, at_);
        escape(scratch);
        begin = at_;
    }
    if (escaped) scratch->append(begin, at_);
    Slice found = escaped ? Slice(*scratch) : Slice(begin, at_ - begin);
    at_++;
    return found;
}

std::optional<std::string> Json::filled() {
    if (null()) return std::nullopt;
    std::string scratch;
    Slice found = string(scratch);
    return found.empty() ? std::nullopt : std::optional(std::string(found));
}

void Json::escape(std::string* decoded) {
    constexpr Slice LETTERS = "\"\\/bfnrt", MEANINGS = "\"\\/\b\f\n\r\t";
    at_++;
    require(at_ < end_);
    char letter = *at_++;
    if (letter != 'u') {
        size_t place = LETTERS.find(letter);
        require(place != Slice::npos);
        if (decoded) *decoded += MEANINGS[place];
        return;
    }
    uint32_t point = hex4();
    require(point != 0);
    if (point >= 0xD800 && point <= 0xDFFF) {
        require(point < 0xDC00);
        word("\\u");
        uint32_t second = hex4();
        require(second >= 0xDC00 && second <= 0xDFFF);
        point = 0x10000 + ((point - 0xD800) << 10) + (second - 0xDC00);
    }
    if (decoded) add_utf8(*decoded, point);
}

uint32_t Json::hex4() {
    require(end_ - at_ >= 4);
    uint32_t value = 0;
    for (int i = 0; i < 4; i++) {
        char c = lower(*at_++);
        require(is_digit(c) || (c >= 'a' && c <= 'f'));
        value = value << 4 | static_cast<uint32_t>(is_digit(c) ? c - '0' : c - 'a' + 10);
    }
    return value;
}

Slice Json::digits() {
    space();
    const char* begin = at_;
    skip_number();
    Slice found(begin, at_ - begin);
    require(all_digits(found));
    return found;
}

Slice Json::value() {
    space();
    const char* begin = at_;
    skip(0);
    return Slice(begin, at_ - begin);
}

void Json::skip(int depth) {
    require(depth < DEEPEST);
    switch (next()) {
        case '"': string(nullptr); return;
        case '{':
            object([&](Slice) { skip(depth + 1); });
            return;
        case '[':
            array([&] { skip(depth + 1); });
            return;
        case 't': word("true"); return;
        case 'f': word("false"); return;
        case 'n': word("null"); return;
        default: skip_number();
    }
}

void Json::copy(std::string& json) { copy(json, 0); }

void Json::copy(std::string& json, int depth) {
    constexpr size_t MOST_FIELDS = 32;
    require(depth < DEEPEST);
    char first = next();
    if (first == '"') {
        std::string scratch;
        add_json(json, string(scratch));
    } else if (first == '{') {
        std::vector<Slice> names;
        json += '{';
        object([&](Slice name) {
            require(names.size() < MOST_FIELDS);
            for (Slice other : names) require(other != name);
            names.push_back(name);
            add_json(json.append(names.size() > 1 ? "," : ""), name);
            copy(json.append(":"), depth + 1);
        });
        json += '}';
    } else if (first == '[') {
        bool is_first = true;
        json += '[';
        array([&] {
            copy(json.append(std::exchange(is_first, false) ? "" : ","), depth + 1);
        });
        json += ']';
    } else {
        Slice found = value();
        require(found.find('.') == Slice::npos && found != "-0");
        json.append(found);
    }
}

// No exponent, no zero in front.
void Json::skip_number() {
    const char* begin = at_;
    if (at_ < end_ && *at_ == '-') at_++;
    const char* whole = at_;
    while (at_ < end_ && is_digit(*at_)) at_++;
    require(at_ > whole && (at_ - whole == 1 || *whole != '0'));
    require(static_cast<size_t>(at_ - whole) <= LONGEST_INTEGER);
    if (at_ < end_ && *at_ == '.') {
        const char* decimals = ++at_;
        while (at_ < end_ && is_digit(*at_)) at_++;
        require(at_ > decimals);
    }
    require(static_cast<size_t>(at_ - begin) <= LONGEST_NUMBER);
    require(at_ == end_ || (*at_ != 'e' && *at_ != 'E'));
}

Element Json::element() {
    if (next() != '{') return {value(), 0};
    const char* begin = at_;
    Named named;
    bool is_plain = true;
    auto note = [&](Slice& place) {
        std::string scratch;
        is_plain = is_plain && !place.data() && next() == '"';
        if (!is_plain) return skip(1);
        place = string(scratch);
        is_plain = scratch.empty();
    };
    object([&](Slice name) {
        if (name == "id") {
            note(named.id);
        } else if (name == "messagetype") {
            note(named.messagetype);
        } else {
            skip(1);
        }
    });
    Slice text(begin, static_cast<size_t>(at_ - begin));
    return {text, is_plain ? named.places(text) : 0};
}

int64_t Named::places(Slice object) const {
    constexpr size_t MOST = 0x7FFF;
    int64_t packed = 0;
    for (Slice text : {id, messagetype}) {
        if (!text.data()) return 0;
        size_t begin = static_cast<size_t>(text.data() - object.data());
        if (begin > MOST || text.size() > MOST) return 0;
        packed = packed << 32 | static_cast<int64_t>(begin << 16 | text.size());
    }
    return packed;
}

Named Named::at(int64_t places, Slice object) {
    auto number = [&](int shift) { return static_cast<size_t>(places >> shift & 0xFFFF); };
    return {object.substr(number(48), number(32)), object.substr(number(16), number(0))};
}

std::vector<Element> whole_elements(Slice text) {
    // Elements of one byte would be millions.
    constexpr size_t MOST = size_t{1} << 14;
    std::vector<Element> found;
    const char *at = text.data(), *end = at + text.size();
    try {
        while (found.size() < MOST) {
            Element element = Json(Slice(at, static_cast<size_t>(end - at))).element();
            at = element.text.data() + element.text.size();
            if (at == end) return found;
            found.push_back(element);
            while (at < end && is_blank(*at)) at++;
            if (at == end || *at++ != ',') return found;
        }
    } catch (const Unusual&) {
        // It is left.
    }
    return found;
}

void add_json(std::string& json, Slice text) {
    constexpr Slice SPECIAL = "\"\\\b\f\n\r\t", LETTERS = "\"\\bfnrt";
    json += '"';
    for (char c : text) {
        size_t place = SPECIAL.find(c);
        if (place != Slice::npos) {
            json += '\\';
            json += LETTERS[place];
        } else if (static_cast<unsigned char>(c) < 0x20) {
            char code[8];
            std::snprintf(code, sizeof code, "\\u%04x", static_cast<unsigned>(c));
            json += code;
        } else {
            json += c;
        }
    }
    json += '"';
}

void add_json(std::string& json, const std::optional<std::string>& text) {
    if (text)
        add_json(json, Slice(*text));
    else
        json += "null";
}

}  // namespace compiled
