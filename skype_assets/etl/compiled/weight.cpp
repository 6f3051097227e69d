// How much the rows below a message are: where it may be too much, the general reader counts and leaves some out.

#include "message.hpp"

namespace compiled {

namespace {

constexpr size_t ROW = 48;

size_t size(const std::string& text) { return text.size(); }
size_t size(Slice text) { return text.size(); }
size_t size(const Maybe& text) { return text ? text->size() : 0; }

template <typename... Texts>
size_t sizes(const Texts&... texts) {
    return (size(texts) + ... + 0);
}

}  // namespace

size_t weight(const Said& said, const Properties& properties, size_t key_length) {
    size_t rows = said.attachments.size() + said.mentions.size() + said.links.size() + said.quotes.size() +
                  said.thread_events.size() + properties.reactions.size();
    size_t texts = 0;
    for (const Attachment& one : said.attachments) texts += sizes(one.document_id, one.kind, one.file_name, one.uri);
    for (const Mention& one : said.mentions) texts += sizes(one.user_id, one.label);
    for (const Link& one : said.links) texts += sizes(one.url, one.label, one.title, one.description);
    for (const Quote& one : said.quotes)
        texts += sizes(one.author_id, one.author_name, one.message_id, one.conversation_id, one.text);
    for (const ThreadEvent& one : said.thread_events) texts += sizes(one.event, one.initiator_id, one.target_id);
    for (const Reaction& one : properties.reactions) texts += sizes(one.emotion, one.user_id);
    if (said.call) {
        rows += 1 + said.call->parts.size();
        texts += sizes(said.call->event, said.call->call_id);
        for (const Part& one : said.call->parts) texts += sizes(one.user_id, one.display_name);
    }
    return rows * (ROW + key_length) + texts;
}

}  // namespace compiled
