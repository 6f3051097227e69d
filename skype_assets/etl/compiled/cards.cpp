#include "cards.hpp"

#include <utility>

#include "json.hpp"
#include "markup.hpp"

namespace compiled {

namespace {

constexpr size_t LONGEST = 4000;

std::string base64_decoded(Slice encoded) {
    constexpr Slice ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    while (!encoded.empty() && encoded.back() == '=') encoded.remove_suffix(1);
    require(encoded.size() < LONGEST && encoded.size() % 4 != 1);
    std::string bytes;
    uint32_t bits = 0;
    int count = 0;
    for (char c : encoded) {
        size_t value = ALPHABET.find(c);
        require(value != Slice::npos);
        bits = bits << 6 | static_cast<uint32_t>(value);
        count += 6;
        if (count >= 8) {
            count -= 8;
            bytes += static_cast<char>(bits >> count & 0xFF);
        }
    }
    require(!starts_with(bytes, "\xEF\xBB\xBF"));
    return bytes;
}

// Some texts of an object, each at most once; whatever else it has is not looked at.
template <size_t COUNT>
struct Texts {
    Slice names[COUNT];
    Maybe values[COUNT];
    bool given[COUNT] = {};

    bool read(Slice name, Json& json) {
        for (size_t i = 0; i < COUNT; i++) {
            if (names[i] != name) continue;
            require(!std::exchange(given[i], true));
            values[i] = json.filled();
            return true;
        }
        return false;
    }
};

// An array of objects as one of some of their texts: [{"url": ..., "alt": ...}, ...]
template <size_t COUNT>
std::string listed(Json& json, const Slice (&names)[COUNT]) {
    std::string list = "[";
    if (json.null()) return "[]";
    json.array([&] {
        Texts<COUNT> texts;
        for (size_t i = 0; i < COUNT; i++) texts.names[i] = names[i];
        json.object([&](Slice name) {
            if (!texts.read(name, json)) json.value();
        });
        list += list.size() > 1 ? ",{" : "{";
        for (size_t i = 0; i < COUNT; i++) {
            add_json(list.append(i ? "," : ""), names[i]);
            add_json(list.append(":"), texts.values[i]);
        }
        list += "}";
    });
    return list + "]";
}

struct Card {
    Maybe content_type;
    Texts<3> texts{{"title", "subtitle", "text"}, {}, {}};
    std::string images = "[]", buttons = "[]";
};

void read_content(Json& json, Card& card) {
    bool pictured = false, buttoned = false;
    json.object([&](Slice name) {
        if (name == "images") {
            require(!std::exchange(pictured, true));
            card.images = listed(json, {"url", "alt"});
        } else if (name == "buttons") {
            require(!std::exchange(buttoned, true));
            card.buttons = listed(json, {"type", "title", "value"});
        } else if (!card.texts.read(name, json)) {
            json.value();
        }
    });
}

Card read_attachment(Json& json) {
    Card card;
    bool typed = false, filled = false;
    json.object([&](Slice name) {
        if (name == "contentType") {
            require(!std::exchange(typed, true));
            card.content_type = json.filled();
        } else if (name == "content") {
            require(!std::exchange(filled, true));
            if (!json.null()) read_content(json, card);
        } else {
            json.value();
        }
    });
    return card;
}

void read_cards(Slice message, std::vector<Card>& cards) {
    Json json(message);
    bool listed = false;
    json.object([&](Slice name) {
        if (name != "attachments") {
            json.value();
            return;
        }
        require(!std::exchange(listed, true));
        if (!json.null()) json.array([&] { cards.push_back(read_attachment(json)); });
    });
    json.finish();
}

void add_details(const Card& card, std::string& details) {
    details += details.back() == '[' ? "{" : ",{";
    add_json(details.append("\"content_type\":"), card.content_type);
    for (size_t i = 0; i < 3; i++) {
        add_json(details.append(","), card.texts.names[i]);
        add_json(details.append(":"), card.texts.values[i]);
    }
    details.append(",\"images\":").append(card.images).append(",\"buttons\":").append(card.buttons).append("}");
}

}  // namespace

void add_cards(const std::vector<std::string>& encoded, Emoji& emoji, Said& said) {
    std::vector<Card> cards;
    for (const std::string& one : encoded)
        if (!one.empty()) read_cards(base64_decoded(one), cards);
    if (cards.empty()) return;
    std::string details = "{\"cards\":[";
    for (const Card& card : cards) {
        add_details(card, details);
        for (const Maybe& markup : card.texts.values) {
            if (!markup) continue;
            require(is_usual_text(*markup) && markup->find('\r') == std::string::npos);
            Said title;
            read_rich_text(*markup, emoji, title);
            if (title.text.empty()) continue;
            said.text.append(said.text.empty() ? "" : "\n").append(title.text);
        }
    }
    said.details = details + "]}";
}

}  // namespace compiled
