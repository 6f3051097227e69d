#include "markup.hpp"

#include <utility>

namespace compiled {

namespace {

constexpr std::pair<Slice, char> ENTITIES[] = {
    {"&amp;", '&'}, {"&lt;", '<'}, {"&gt;", '>'}, {"&quot;", '"'}, {"&apos;", '\''}};
constexpr size_t LONGEST_ID = 125, MOST_ATTRIBUTES = 32;

bool is_name(char c) { return is_letter(c) || is_digit(c) || c == '-' || c == '_' || c == ':' || c == '.'; }

bool equal_ignoring_case(Slice text, Slice lower_text) {
    if (text.size() != lower_text.size()) return false;
    for (size_t i = 0; i < text.size(); i++)
        if (lower(text[i]) != lower_text[i]) return false;
    return true;
}

}  // namespace

bool is_usual_text(Slice markup) {
    if (markup.find("]]>") != Slice::npos) return false;
    for (size_t place = markup.find('&'); place != Slice::npos; place = markup.find('&', place + 1)) {
        bool known = false;
        for (auto [entity, character] : ENTITIES) known = known || starts_with(markup.substr(place), entity);
        if (!known) return false;
    }
    return true;
}

void add_unescaped(std::string& text, Slice markup) {
    while (true) {
        size_t ampersand = markup.find('&');
        text.append(markup.substr(0, ampersand));
        if (ampersand == Slice::npos) return;
        markup.remove_prefix(ampersand);
        bool known = false;
        for (auto [entity, character] : ENTITIES) {
            if (!starts_with(markup, entity)) continue;
            text += character;
            markup.remove_prefix(entity.size());
            known = true;
            break;
        }
        require(known);
    }
}

std::string unescape(Slice markup) {
    std::string text;
    add_unescaped(text, markup);
    return text;
}

std::optional<std::string> plain_name(Slice markup) {
    std::string text = unescape(markup);
    Slice name = strip(text);
    return name.empty() ? std::nullopt : std::optional(std::string(name));
}

Slice Tag::get(Slice lower_name) const {
    Slice rest = attributes;
    while (!rest.empty()) {  // each is ` name="value"`
        size_t equals = rest.find('=');
        Slice name = rest.substr(1, equals - 1);
        rest.remove_prefix(equals + 2);
        Slice value = rest.substr(0, rest.find('"'));
        if (equal_ignoring_case(name, lower_name)) return value;
        rest.remove_prefix(value.size() + 1);
    }
    return {};
}

Slice Markup::text() {
    Slice found = rest_.substr(0, rest_.find('<'));
    rest_.remove_prefix(found.size());
    return found;
}

Tag Markup::tag() {
    Tag found;
    rest_.remove_prefix(1);
    if (!rest_.empty() && rest_.front() == '/') {
        rest_.remove_prefix(1);
        found.is_end = true;
        found.name = name();
    } else {
        found.name = name();
        found.attributes = attributes();
        if (!rest_.empty() && rest_.front() == ' ') rest_.remove_prefix(1);
        if (!rest_.empty() && rest_.front() == '/') {
            rest_.remove_prefix(1);
            found.is_empty = true;
        }
    }
    require(!rest_.empty() && rest_.front() == '>');
    rest_.remove_prefix(1);
    return found;
}

void Markup::end_tag(Slice name) {
    require(!at_end());
    Tag end = tag();
    require(end.is_end && end.name == name);
}

Slice Markup::name() {
    size_t length = 0;
    while (length < rest_.size() && is_name(rest_[length])) length++;
    Slice found = rest_.substr(0, length);
    require(!found.empty() && is_letter(found.front()));
    rest_.remove_prefix(length);
    return found;
}

Slice Markup::attributes() {
    Slice source = rest_;
    Slice names[MOST_ATTRIBUTES];
    size_t length = 0, count = 0;
    while (true) {
        size_t place = length;
        if (place >= source.size() || source[place] != ' ') break;
        size_t begin = ++place;
        while (place < source.size() && is_name(source[place])) place++;
        if (place == begin) break;
        require(is_letter(source[begin]) || source[begin] == '_' || source[begin] == ':');
        require(place + 1 < source.size() && source[place] == '=' && source[place + 1] == '"');
        require(count < MOST_ATTRIBUTES);
        names[count] = source.substr(begin, place - begin);
        for (size_t i = 0; i < count; i++) require(names[i] != names[count]);
        count++;
        place += 2;
        while (place < source.size() && source[place] != '"') {
            require(source[place] != '<' && source[place] != '>');
            place++;
        }
        require(place < source.size());
        length = place + 1;
    }
    rest_.remove_prefix(length);
    return source.substr(0, length);
}

void Nested::tag(const Tag& tag) {
    if (tag.is_end) {
        require(depth_ > 0 && open_[depth_ - 1] == tag.name);
        depth_--;
    } else if (!tag.is_empty) {
        require(depth_ < DEEPEST);
        open_[depth_++] = tag.name;
    }
}

std::optional<std::string> mri(Slice text) {
    text = strip(text);
    if (text.empty()) return std::nullopt;
    require(text.size() <= LONGEST_ID - 2 && text.front() != '#');
    size_t digits = 0;
    while (digits < text.size() && is_digit(text[digits])) digits++;
    bool prefixed = digits > 0 && digits < text.size() && text[digits] == ':';
    return prefixed || text == "ALL" ? std::string(text) : "8:" + std::string(text);
}

// 0-<2 to 5 letters>-d<1 to 3 digits>-<20 to 64 hexadecimal digits>
std::optional<std::string> document_id(Slice text) {
    for (size_t begin = text.find("0-"); begin != Slice::npos; begin = text.find("0-", begin + 1)) {
        size_t place = begin + 2;
        auto count = [&](size_t most, auto matches) {
            size_t first = place;
            while (place < text.size() && place - first < most && matches(lower(text[place]))) place++;
            return place - first;
        };
        auto is_hexadecimal = [](char c) { return is_digit(c) || (c >= 'a' && c <= 'f'); };
        auto next_is = [&](char wanted) { return place < text.size() && lower(text[place]) == wanted; };
        if (count(5, is_letter) < 2 || !next_is('-')) continue;
        place++;
        if (!next_is('d')) continue;
        place++;
        if (count(3, is_digit) < 1 || !next_is('-')) continue;
        place++;
        if (count(64, is_hexadecimal) < 20) continue;
        Slice id = text.substr(begin, place - begin);
        for (char c : id) require(c == lower(c));
        return std::string(id);
    }
    return std::nullopt;
}

}  // namespace compiled
