// Skype's markup, spelled as its clients spell it; the same grammar as `content/markup.py`, usual tags only.
#pragma once

#include "text.hpp"

namespace compiled {

// Whether every ampersand begins one of XML's five entities, and nothing else is there that XML forbids in text.
bool is_usual_text(Slice markup);

// Entities replaced.
std::string unescape(Slice markup);
void add_unescaped(std::string& text, Slice markup);

// A name without entities and blanks around it, as `names.plain_name`; of usual text without tags.
std::optional<std::string> plain_name(Slice markup);

struct Tag {
    Slice name;
    Slice attributes;
    bool is_end = false;
    bool is_empty = false;

    // An attribute as it is written, of several of a name (in any letter case) the first; "" if there is none.
    Slice get(Slice lower_name) const;
    // The same without entities.
    std::string unescaped(Slice lower_name) const { return unescape(get(lower_name)); }
};

// Reads content from the left: text, tag, text, tag, ..., text.
class Markup {
  public:
    explicit Markup(Slice content) : rest_(content) {}

    // Text up to the next tag, or to the end.
    Slice text();
    bool at_end() const { return rest_.empty(); }
    // The tag that begins here.
    Tag tag();
    // Takes the end tag of an element, which must come next.
    void end_tag(Slice name);

  private:
    Slice rest_;

    Slice name();
    Slice attributes();
};

// Whether elements of a name hold pictures and the like, as messages of Teams have them.
inline bool is_of_html(Slice lower_name) {
    return lower_name == "img" || lower_name == "video" || lower_name == "audio";
}

// Content in which all elements end, each within the one it began in.
class Nested {
  public:
    void tag(const Tag& tag);
    void finish() const { require(depth_ == 0); }

  private:
    static constexpr int DEEPEST = 16;
    Slice open_[DEEPEST];
    int depth_ = 0;
};

// An id with its prefix, as `names.mri`; nothing for none, and unusual if it is long.
std::optional<std::string> mri(Slice text);

// The id of a stored object within a text, as `names.document_id`; unusual with capital letters.
std::optional<std::string> document_id(Slice text);

}  // namespace compiled
