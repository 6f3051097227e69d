// Photos, files and the like that a message carries: the short way of `content/uri_object.py`.

#include <utility>

#include "cards.hpp"
#include "markup.hpp"
#include "message.hpp"

namespace compiled {

namespace {

constexpr int64_t LARGEST_PIXELS = (int64_t{1} << 31) - 1;

// By the beginning of URIObject@type; the longer ones come first.
constexpr std::pair<Slice, Slice> KIND_BY_TYPE[] = {
    {"picture.", "photo"}, {"file.", "file"},   {"video.1/flik", "moji"}, {"video.2/callrecording", "recording"},
    {"video.", "video"},   {"audio.", "voice"}, {"swift.", "card"},       {"sticker", "sticker"}};

Maybe filled(std::string text) { return text.empty() ? std::nullopt : Maybe(std::move(text)); }

// As `integers.digits`.
MaybeNumber number(Slice text) {
    if (!all_digits(text)) {
        for (char c : text) require(static_cast<unsigned char>(c) < 0x80);
        return std::nullopt;
    }
    return whole_number(text);
}

MaybeNumber pixels(Slice text) {
    MaybeNumber found = number(text);
    return found && *found > 0 && *found <= LARGEST_PIXELS ? found : std::nullopt;
}

std::optional<Slice> kind(const Tag& tag) {
    std::string type = ascii_lower(tag.get("type"));
    require(!type.empty() && type.find('&') == Slice::npos && strip(type) == type);
    for (auto [beginning, kind] : KIND_BY_TYPE)
        if (starts_with(type, beginning)) return kind;
    return std::nullopt;
}

// A URIObject whose end has not come yet.
struct Object {
    Attachment attachment;
    bool is_one;
    Maybe in_address;
};

Object begin(const Tag& tag) {
    Object object;
    std::optional<Slice> found = kind(tag);
    object.is_one = found.has_value();
    Attachment& attachment = object.attachment;
    attachment.kind = found.value_or("");
    for (Slice place : {Slice("doc_id"), Slice("uri"), Slice("url_thumbnail")})
        if (!attachment.document_id) attachment.document_id = document_id(tag.unescaped(place));
    attachment.width = pixels(tag.get("width"));
    attachment.height = pixels(tag.get("height"));
    Slice duration = tag.get("duration_ms");
    if (!duration.empty()) {
        require(duration.size() <= 15);
        attachment.duration_seconds = static_cast<double>(whole_number(duration)) / 1000;
    }
    attachment.uri = filled(tag.unescaped("uri"));
    return object;
}

void within(Object& object, const Tag& tag, Slice name, std::string& meta_name) {
    require(name != "uriobject" && name != "id" && name != "recordingcontent" && name != "mediaalbum");
    require(!is_of_html(name));
    Attachment& attachment = object.attachment;
    if (name == "originalname") {
        if (!attachment.file_name) attachment.file_name = filled(tag.unescaped("v"));
    } else if (name == "meta") {
        if (meta_name.empty()) meta_name = tag.unescaped("originalname");
    } else if (name == "filesize") {
        std::string size = tag.unescaped("v");
        if (!attachment.file_size && !size.empty()) {
            require(all_digits(size));
            attachment.file_size = whole_number(size);
        }
    } else if (name == "a") {
        if (!object.in_address) object.in_address = document_id(tag.unescaped("href"));
    }
}

void end(Object& object, std::string& meta_name, Said& said) {
    if (!object.is_one) return;
    Attachment& attachment = object.attachment;
    if (!attachment.document_id) attachment.document_id = object.in_address;
    if (!attachment.file_name) attachment.file_name = filled(std::move(meta_name));
    said.attachments.push_back(std::move(attachment));
}

void require_shown(const std::vector<std::string>& references, const Said& said) {
    constexpr size_t MOST = 64;
    require(references.size() <= MOST && said.attachments.size() <= MOST);
    for (const std::string& reference : references) {
        Maybe wanted = document_id(reference);
        bool shown = !wanted;
        for (const Attachment& attachment : said.attachments) shown = shown || attachment.document_id == wanted;
        require(shown);
    }
}

// The base64 of Swift elements.
using Cards = std::vector<std::string>;

void read_objects(Slice content, const std::vector<std::string>& references, Said& said, Cards& cards) {
    Markup markup(content);
    Nested nested;
    std::optional<Object> object;
    std::string meta_name;
    markup.text();
    while (!markup.at_end()) {
        Tag tag = markup.tag();
        nested.tag(tag);
        std::string name = ascii_lower(tag.name);
        if (tag.is_end) {
            if (object && name == "uriobject") {
                end(*object, meta_name, said);
                object.reset();
            }
        } else if (name == "swift") {
            cards.push_back(std::string(strip(tag.unescaped("b64"))));
        } else if (object) {
            within(*object, tag, name, meta_name);
        } else if (name == "uriobject") {
            require(!tag.is_empty);
            meta_name.clear();
            object = begin(tag);
        } else {
            require(name != "file" && name != "e_m" && name != "mediaalbum" && !is_of_html(name));
        }
        markup.text();
    }
    nested.finish();
    require_shown(references, said);
}

}  // namespace

void read_media(Slice content, const std::vector<std::string>& references, Said& said) {
    Cards ignored;
    read_objects(content, references, said, ignored);
}

void read_card(Slice content, const std::vector<std::string>& references, Emoji& emoji, Said& said) {
    Cards cards;
    read_objects(content, references, said, cards);
    add_cards(cards, emoji, said);
}

}  // namespace compiled
