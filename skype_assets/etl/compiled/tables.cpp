#include "tables.hpp"

#include <algorithm>
#include <utility>

namespace compiled {

namespace {

void add_or_null(TextColumn& column, const std::optional<Slice>& text) {
    if (text)
        column.add(*text);
    else
        column.add_null();
}

// A dictionary of columns; takes over what it is given.
PyObject* named(std::initializer_list<std::pair<const char*, PyObject*>> columns) {
    PyObject* found = PyDict_New();
    for (auto [name, buffers] : columns) {
        if (found && (!buffers || PyDict_SetItemString(found, name, buffers) < 0)) Py_CLEAR(found);
        Py_XDECREF(buffers);
    }
    return found;
}

}  // namespace

Tables::Tables(size_t rows, size_t bytes) {
    auto& to = messages_;
    to.row.reserve(rows);
    for (TextColumn* column : {&to.message_id, &to.display_name, &to.from, &to.message_type, &to.album_id, &to.details,
                               &to.properties})
        column->reserve(rows, rows * 16);
    to.content.reserve(rows, bytes / 2);
    to.text.reserve(rows, bytes / 8);
    for (Numbers* column : {&to.sent_at, &to.version, &to.edited_at, &to.deleted_at}) column->reserve(rows);
    to.is_forwarded.reserve(rows);
}

void Tables::add(const Message& message) {
    auto& to = messages_;
    to.row.add(message.row);
    to.message_id.add(message.id);
    add_or_null(to.display_name, message.display_name);
    add_or_null(to.from, message.from);
    to.message_type.add(message.messagetype);
    to.text.add(Slice(message.said.text));
    to.content.add(message.content);
    const auto& originals = message.said.originals;
    bool edited = !originals.empty() && originals.front();
    to.sent_at.add(edited ? std::min(message.arrived_at, *originals.front()) : message.arrived_at);
    to.version.add(message.version);
    const Properties& properties = message.properties;
    to.album_id.add(properties.album_id);
    to.details.add(message.said.details);
    add_or_null(to.properties, properties.given ? std::optional(properties.source) : std::nullopt);
    to.edited_at.add(properties.edited_at);
    to.deleted_at.add(properties.deleted_at);
    to.is_forwarded.add(static_cast<uint8_t>(properties.is_forwarded));
    add_children(message);
}

void Tables::add_children(const Message& message) {
    const Said& said = message.said;
    int32_t row = message.row, ordinal = 0;
    for (const Attachment& one : said.attachments) {
        attachments_.row.add(row);
        attachments_.ordinal.add(ordinal++);
        attachments_.document_id.add(one.document_id);
        attachments_.kind.add(one.kind);
        attachments_.file_name.add(one.file_name);
        attachments_.file_size.add(one.file_size);
        attachments_.width.add(one.width);
        attachments_.height.add(one.height);
        attachments_.duration_seconds.add(one.duration_seconds);
        attachments_.uri.add(one.uri);
    }
    if (said.call) add_call(row, *said.call);
    for (const Reaction& one : message.properties.reactions) {
        reactions_.row.add(row);
        reactions_.emotion.add(Slice(one.emotion));
        reactions_.user_id.add(Slice(one.user_id));
        reactions_.reacted_at.add(one.reacted_at);
    }
    ordinal = 0;
    for (const Mention& one : said.mentions) {
        mentions_.row.add(row);
        mentions_.ordinal.add(ordinal++);
        mentions_.user_id.add(Slice(one.user_id));
        mentions_.label.add(one.label);
    }
    ordinal = 0;
    for (const Link& one : said.links) {
        links_.row.add(row);
        links_.ordinal.add(ordinal++);
        links_.url.add(Slice(one.url));
        links_.label.add(one.label);
        links_.title.add(one.title);
        links_.description.add(one.description);
    }
    ordinal = 0;
    for (const Quote& one : said.quotes) {
        quotes_.row.add(row);
        quotes_.ordinal.add(ordinal++);
        quotes_.author_id.add(one.author_id);
        quotes_.author_name.add(one.author_name);
        quotes_.quoted_message_id.add(one.message_id);
        quotes_.quoted_conversation_id.add(one.conversation_id);
        quotes_.quoted_at.add(one.quoted_at);
        quotes_.text.add(Slice(one.text));
    }
    ordinal = 0;
    for (const ThreadEvent& one : said.thread_events) {
        thread_events_.row.add(row);
        thread_events_.ordinal.add(ordinal++);
        thread_events_.event.add(one.event);
        thread_events_.initiator_id.add(one.initiator_id);
        thread_events_.target_id.add(one.target_id);
        thread_events_.occurred_at.add(one.occurred_at);
    }
    if (!said.originals.empty() && said.originals.front()) {
        edit_marks_.row.add(row);
        edit_marks_.original_sent_at.add(*said.originals.front());
        edit_marks_.arrived_at.add(message.arrived_at);
        edit_marks_.edited_at.add(message.properties.edited_at);
    }
}

void Tables::add_call(int32_t row, const Call& call) {
    std::optional<double> longest;
    int32_t ordinal = 0;
    for (const Part& one : call.parts) {
        call_participants_.row.add(row);
        call_participants_.ordinal.add(ordinal++);
        call_participants_.user_id.add(one.user_id);
        call_participants_.display_name.add(one.display_name);
        call_participants_.duration_seconds.add(one.duration_seconds);
        longest = std::max(longest, one.duration_seconds);
    }
    call_events_.row.add(row);
    call_events_.event.add(call.event);
    call_events_.call_id.add(call.call_id);
    call_events_.duration_seconds.add(longest);
}

#define COLUMN(table, name) {#name, table.name.buffers()}

PyObject* Tables::buffers() {
    auto& m = messages_;
    auto& a = attachments_;
    auto& e = call_events_;
    auto& c = call_participants_;
    auto& r = reactions_;
    auto& n = mentions_;
    auto& l = links_;
    auto& q = quotes_;
    auto& t = thread_events_;
    auto& d = edit_marks_;
    return named({
        {"messages", named({COLUMN(m, row), COLUMN(m, message_id), COLUMN(m, display_name), COLUMN(m, from),
                            COLUMN(m, message_type), COLUMN(m, text), COLUMN(m, content), COLUMN(m, sent_at),
                            COLUMN(m, version), COLUMN(m, album_id), COLUMN(m, details), COLUMN(m, properties),
                            COLUMN(m, edited_at), COLUMN(m, deleted_at), COLUMN(m, is_forwarded)})},
        {"attachments", named({COLUMN(a, row), COLUMN(a, ordinal), COLUMN(a, document_id), COLUMN(a, kind),
                               COLUMN(a, file_name), COLUMN(a, file_size), COLUMN(a, width), COLUMN(a, height),
                               COLUMN(a, duration_seconds), COLUMN(a, uri)})},
        {"call_events", named({COLUMN(e, row), COLUMN(e, event), COLUMN(e, call_id), COLUMN(e, duration_seconds)})},
        {"call_participants", named({COLUMN(c, row), COLUMN(c, ordinal), COLUMN(c, user_id), COLUMN(c, display_name),
                                     COLUMN(c, duration_seconds)})},
        {"reactions", named({COLUMN(r, row), COLUMN(r, emotion), COLUMN(r, user_id), COLUMN(r, reacted_at)})},
        {"mentions", named({COLUMN(n, row), COLUMN(n, ordinal), COLUMN(n, user_id), COLUMN(n, label)})},
        {"links", named({COLUMN(l, row), COLUMN(l, ordinal), COLUMN(l, url), COLUMN(l, label),
                         COLUMN(l, title), COLUMN(l, description)})},
        {"quotes", named({COLUMN(q, row), COLUMN(q, ordinal), COLUMN(q, author_id), COLUMN(q, author_name),
                          COLUMN(q, quoted_message_id), COLUMN(q, quoted_conversation_id), COLUMN(q, quoted_at),
                          COLUMN(q, text)})},
        {"thread_events", named({COLUMN(t, row), COLUMN(t, ordinal), COLUMN(t, event), COLUMN(t, initiator_id),
                                 COLUMN(t, target_id), COLUMN(t, occurred_at)})},
        {"edit_marks", named({COLUMN(d, row), COLUMN(d, original_sent_at), COLUMN(d, arrived_at), COLUMN(d, edited_at)})},
    });
}

}  // namespace compiled
