// What a person wrote, and whom and what they wrote of: the short way of `content/rich_text.py`.

#include <cstdlib>

#include "markup.hpp"
#include "message.hpp"

namespace compiled {

namespace {

// Seconds of a quote are rounded from the milliseconds of the message that it names.
constexpr int64_t ROUNDED = 2000000;

Maybe filled(Slice text) { return text.empty() ? std::nullopt : Maybe(text); }

Slice without_at(Slice label) {
    if (!label.empty() && label.front() == '@') label.remove_prefix(1);
    return label;
}

bool says_the_same(Slice label, Slice url) {
    if (url.size() == label.size() + 1 && url.back() == '/' && starts_with(url, label)) return true;
    if (!ends_with(url, label)) return false;
    Slice scheme = url.substr(0, url.size() - label.size());
    for (Slice implied : {Slice(""), Slice("mailto:"), Slice("tel:"), Slice("http://"), Slice("https://")})
        if (scheme == implied) return true;
    return false;
}

void show_link(const Tag& tag, Slice inner, Said& said) {
    std::string url = tag.unescaped("href"), label = unescape(inner);
    said.text += label;
    if (url.empty()) return;
    if (!says_the_same(label, url)) said.text.append(" (").append(url).append(")");
    said.links.push_back({std::move(url), filled(strip(label)), std::nullopt, std::nullopt});
}

void show_mention(const Tag& tag, Slice inner, Said& said) {
    std::string user_id = tag.unescaped("id"), label = unescape(inner);
    said.text.append("@").append(without_at(label));
    Slice addressed = strip(user_id);
    Maybe who = addressed == "*" || addressed == "_*_" ? Maybe("*") : mri(addressed);
    if (who) said.mentions.push_back({std::move(*who), filled(strip(without_at(strip(label))))});
}

void show_emoticon(const Tag& tag, Slice inner, Emoji& emoji, Said& said) {
    Slice alternative = tag.get("alt");
    if (!alternative.empty()) {
        add_unescaped(said.text, alternative);
        return;
    }
    Slice type = tag.get("type");
    require(type.find('&') == Slice::npos);
    const Maybe& shown = emoji.of(type);
    if (shown && !shown->empty())
        said.text += *shown;
    else
        add_unescaped(said.text, inner);
}

void note_edit(const Tag& tag, Said& said) {
    Slice sent = tag.get("ts_ms");
    MaybeNumber original = sent.empty() ? std::nullopt : milliseconds(sent);
    require(original || tag.get("ts").empty());
    said.originals.push_back(original);
}

// Reads an element that has none within it; false if it is none of those.
bool read_element(const Tag& tag, Markup& markup, Emoji& emoji, Said& said) {
    constexpr Slice STYLES[] = {"b", "i", "s", "u", "pre", "code"};
    bool styled = false;
    for (Slice style : STYLES) styled = styled || tag.name == style;
    bool known = styled || tag.name == "a" || tag.name == "at" || tag.name == "ss" || tag.name == "e_m" ||
                 tag.name == "legacyquote";
    if (!known || tag.is_end || tag.is_empty) return false;
    require(tag.name != "pre" || !tag.get("raw_pre").empty());  // a block of HTML
    Slice inner = markup.text();
    markup.end_tag(tag.name);
    if (styled)
        add_unescaped(said.text, inner);
    else if (tag.name == "a")
        show_link(tag, inner, said);
    else if (tag.name == "at")
        show_mention(tag, inner, said);
    else if (tag.name == "ss")
        show_emoticon(tag, inner, emoji, said);
    else if (tag.name == "e_m")
        note_edit(tag, said);
    return true;
}

// Where a quote began: what had been said before it.
struct Begun {
    Tag tag;
    size_t text, mentions, links, originals;
};

MaybeNumber quoted_at(Slice message_id, Slice timestamp) {
    MaybeNumber by_id = message_id.empty() ? std::nullopt : milliseconds(message_id);
    MaybeNumber by_timestamp;
    if (!timestamp.empty()) {
        require(timestamp.size() <= 12 && all_digits(timestamp));
        by_timestamp = milliseconds(std::string(timestamp) + "000");
    }
    if (by_id && (!by_timestamp || std::abs(*by_id - *by_timestamp) <= ROUNDED)) return by_id;
    return by_timestamp;
}

// What stands in a quote is part of the quote only.
void cut_quote(const Begun& begun, Said& said) {
    Quote quote;
    quote.author_id = mri(begun.tag.unescaped("author"));
    quote.author_name = filled(strip(begun.tag.unescaped("authorname")));
    std::string message_id = begun.tag.unescaped("messageid"), timestamp = begun.tag.unescaped("timestamp");
    quote.message_id = filled(strip(message_id));
    quote.conversation_id = mri(begun.tag.unescaped("conversation"));
    quote.quoted_at = quoted_at(strip(message_id), strip(timestamp));
    quote.text = strip(Slice(said.text).substr(begun.text));
    said.quotes.push_back(std::move(quote));
    said.text.resize(begun.text);
    said.mentions.resize(begun.mentions);
    said.links.resize(begun.links);
    said.originals.resize(begun.originals);
}

}  // namespace

void read_rich_text(Slice content, Emoji& emoji, Said& said) {
    Markup markup(content);
    std::optional<Begun> quote;
    add_unescaped(said.text, markup.text());
    while (!markup.at_end()) {
        Tag tag = markup.tag();
        if (read_element(tag, markup, emoji, said)) {
        } else if (tag.name == "quote" && !tag.is_end && !tag.is_empty && !quote) {
            quote = {tag, said.text.size(), said.mentions.size(), said.links.size(), said.originals.size()};
        } else {
            require(tag.name == "quote" && tag.is_end && quote.has_value());
            cut_quote(*quote, said);
            quote.reset();
        }
        add_unescaped(said.text, markup.text());
    }
    require(!quote);
    Slice text = strip(said.text);
    if (text.size() < said.text.size()) said.text = std::string(text);
}

}  // namespace compiled
