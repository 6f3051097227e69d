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

// An object of a card as it stands in details: its texts first, each at most once, then all other fields.
class Fields {
  public:
    explicit Fields(std::initializer_list<Slice> names) {
        for (Slice name : names) texts_.push_back({name, std::nullopt});
    }

    void read(Slice name, Json& json) {
        for (Slice one : seen_) require(one != name);
        require(seen_.size() < MOST_FIELDS);
        seen_.push_back(name);
        for (auto& [wanted, value] : texts_) {
            if (wanted != name) continue;
            value = json.filled();
            return;
        }
        add_json(others_.append(","), name);
        json.copy(others_.append(":"));
    }

    void add_texts(std::string& details) const {
        for (const auto& [name, value] : texts_) {
            if (details.back() != '{') details += ',';
            add_json(details, name);
            add_json(details.append(":"), value);
        }
    }
    void add_others(std::string& details) const { details += others_; }
    const std::vector<std::pair<Slice, Maybe>>& texts() const { return texts_; }

  private:
    static constexpr size_t MOST_FIELDS = 32;
    std::vector<std::pair<Slice, Maybe>> texts_;
    std::vector<Slice> seen_;
    std::string others_;
};

// An array of objects.
std::string listed(Json& json, std::initializer_list<Slice> names) {
    std::string list = "[";
    if (json.null()) return "[]";
    json.array([&] {
        Fields fields(names);
        json.object([&](Slice name) { fields.read(name, json); });
        list += list.size() > 1 ? ",{" : "{";
        fields.add_texts(list);
        fields.add_others(list);
        list += "}";
    });
    return list + "]";
}

struct Card {
    Fields outside{"contentType"}, texts{"title", "subtitle", "text"};
    std::string images = "[]", buttons = "[]";
};

void read_content(Json& json, Card& card) {
    bool pictured = false, buttoned = false;
    json.object([&](Slice name) {
        require(name != "content_type");
        if (name == "images") {
            require(!std::exchange(pictured, true));
            card.images = listed(json, {"url", "alt"});
        } else if (name == "buttons") {
            require(!std::exchange(buttoned, true));
            card.buttons = listed(json, {"type", "title", "value"});
        } else {
            card.texts.read(name, json);
        }
    });
}

Card read_attachment(Json& json) {
    Card card;
    bool filled = false;
    json.object([&](Slice name) {
        if (name == "content") {
            require(!std::exchange(filled, true));
            if (!json.null()) read_content(json, card);
        } else {
            // Another field could be one of the content as well.
            require(name == "contentType");
            card.outside.read(name, json);
        }
    });
    return card;
}

void read_cards(Slice message, std::vector<Card>& cards) {
    Json json(message);
    bool listed = false;
    json.object([&](Slice name) {
        if (name != "attachments") {
            // The message is the card, or has a text of its own.
            require(name != "content" && name != "text");
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
    add_json(details.append("\"content_type\":"), card.outside.texts().front().second);
    card.texts.add_texts(details);
    details.append(",\"images\":").append(card.images).append(",\"buttons\":").append(card.buttons);
    card.texts.add_others(details);
    details += "}";
}

}  // namespace

void add_cards(const std::vector<std::string>& encoded, Emoji& emoji, Said& said) {
    std::vector<Card> cards;
    for (const std::string& one : encoded)
        if (!one.empty()) read_cards(base64_decoded(one), cards);
    require(!cards.empty());  // else the object says what it is
    std::string details = "{\"cards\":[";
    for (const Card& card : cards) {
        add_details(card, details);
        for (const auto& [name, markup] : card.texts.texts()) {
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
