// The rows that usual messages become: the columns that have to be computed, by the names of `tables.py`.
#pragma once

#include "columns.hpp"
#include "message.hpp"

namespace compiled {

// A message object, read; used again for the next one, so that its memory is.
struct Message {
    void clear(int32_t next_row) {
        row = next_row;
        display_name = from = std::nullopt;
        version = std::nullopt;
        properties.clear();
        said.clear();
    }

    int32_t row = 0;
    Slice id, messagetype, content;
    std::optional<Slice> display_name, from;
    int64_t arrived_at = 0;
    MaybeNumber version;
    Properties properties;
    Said said;
};

class Tables {
  public:
    // For so many messages of so many bytes.
    Tables(size_t rows, size_t bytes);

    void add(const Message& message);

    // {table: {column: buffers}}, once; nullptr with Python's error set if there is no memory.
    PyObject* buffers();

  private:
    using Numbers = NumberColumn<int64_t>;
    using Ordinals = NumberColumn<int32_t>;
    using Fractions = NumberColumn<double>;

    struct {
        Ordinals row;
        TextColumn message_id, display_name, from, message_type, text, content, album_id, details, properties;
        Numbers sent_at, version, edited_at, deleted_at;
        NumberColumn<uint8_t> is_forwarded;
    } messages_;
    struct {
        Ordinals row, ordinal, width, height;
        TextColumn document_id, kind, file_name, uri;
        Numbers file_size;
        Fractions duration_seconds;
    } attachments_;
    struct {
        Ordinals row;
        TextColumn event, call_id;
        Fractions duration_seconds;
    } call_events_;
    struct {
        Ordinals row, ordinal;
        TextColumn user_id, display_name;
        Fractions duration_seconds;
    } call_participants_;
    struct {
        Ordinals row;
        TextColumn emotion, user_id;
        Numbers reacted_at;
    } reactions_;
    struct {
        Ordinals row, ordinal;
        TextColumn user_id, label;
    } mentions_;
    struct {
        Ordinals row, ordinal;
        TextColumn url, label, title, description;
    } links_;
    struct {
        Ordinals row, ordinal;
        TextColumn author_id, author_name, quoted_message_id, quoted_conversation_id, text;
        Numbers quoted_at;
    } quotes_;
    struct {
        Ordinals row, ordinal;
        TextColumn event, initiator_id, target_id;
        Numbers occurred_at;
    } thread_events_;
    struct {
        Ordinals row;
        Numbers original_sent_at, arrived_at, edited_at;
    } edit_marks_;

    void add_children(const Message& message);
    void add_call(int32_t row, const Call& call);
};

}  // namespace compiled
