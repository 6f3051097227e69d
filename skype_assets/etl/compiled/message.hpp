// What one message says: filled while its object is read, and only then added to the columns.
#pragma once

#include <string>
#include <vector>

#include "text.hpp"

namespace compiled {

using Maybe = std::optional<std::string>;
using MaybeNumber = std::optional<int64_t>;

struct Mention {
    std::string user_id;
    Maybe label;
};

struct Link {
    std::string url;
    Maybe label, title, description;
};

// What Skype kept of a page, with the addresses by which it is known.
struct Preview {
    std::vector<std::string> urls;
    Maybe title, description;
};

struct Quote {
    Maybe author_id, author_name, message_id, conversation_id;
    MaybeNumber quoted_at;
    std::string text;
};

struct Attachment {
    Maybe document_id;
    Slice kind;
    Maybe file_name;
    MaybeNumber file_size, width, height;
    std::optional<double> duration_seconds;
    Maybe uri;
};

struct ThreadEvent {
    Slice event;
    Maybe initiator_id, target_id;
    MaybeNumber occurred_at;
};

struct Part {
    Maybe user_id, display_name;
    std::optional<double> duration_seconds;
};

struct Call {
    Slice event;
    Maybe call_id;
    std::vector<Part> parts;
};

struct Reaction {
    std::string emotion, user_id;
    MaybeNumber reacted_at;
};

struct Properties {
    void clear() {
        if (given) *this = Properties();
    }

    bool given = false;
    Slice source;
    MaybeNumber edited_at, deleted_at;
    Maybe album_id;
    bool is_forwarded = false;
    std::vector<Reaction> reactions;
    std::vector<Preview> previews;
};

struct Said {
    void clear() {
        text.clear();
        mentions.clear();
        links.clear();
        quotes.clear();
        originals.clear();
        attachments.clear();
        call.reset();
        thread_events.clear();
        details.reset();
    }

    std::string text;
    std::vector<Mention> mentions;
    std::vector<Link> links;
    std::vector<Quote> quotes;
    std::vector<MaybeNumber> originals;  // of edit markers: when the original was sent
    std::vector<Attachment> attachments;
    std::optional<Call> call;
    std::vector<ThreadEvent> thread_events;
    Maybe details;  // JSON
};

// What the rows below a message count, as `content/bounds.py` counts them, or more: bytes are more than characters.
size_t weight(const Said& said, const Properties& properties, size_t key_length);

// Names by which emoticons are shown, as `emoticons.emoji`.
class Emoji {
  public:
    virtual const Maybe& of(Slice type) = 0;
    virtual ~Emoji() = default;
};

// Readers of content, by what types have in common; for content that is_usual_text.
void read_rich_text(Slice content, Emoji& emoji, Said& said);
void read_media(Slice content, const std::vector<std::string>& references, Said& said);
void read_card(Slice content, const std::vector<std::string>& references, Emoji& emoji, Said& said);
void read_call(Slice content, Said& said);
void read_sms(Slice content, Said& said);
void read_thread_activity(Slice content, Slice event, Said& said);

// Reads the value of `properties`.
Properties read_properties(Slice source);

}  // namespace compiled
