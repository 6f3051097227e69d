// The properties of a message that become columns or rows of their own (section 2.7 of the format reference).

#include <utility>

#include "json.hpp"
#include "markup.hpp"
#include "message.hpp"
#include "previews.hpp"

namespace compiled {

namespace {

constexpr size_t LONGEST_KEY = 125, MOST_REACTIONS = 64;

MaybeNumber instant(Json& json) {
    if (json.null()) return std::nullopt;
    std::string scratch;
    return milliseconds(json.next() == '"' ? json.string(scratch) : json.digits());
}

// Who reacted: `{"mri": ..., "time": ..., "value": ...}`.
Reaction reaction(Json& json) {
    std::string scratch;
    Maybe user_id;
    MaybeNumber time, value;
    bool named = false, timed = false, valued = false;
    json.object([&](Slice name) {
        if (name == "mri") {
            require(!std::exchange(named, true));
            user_id = mri(json.string(scratch));
        } else if (name == "time") {
            require(!std::exchange(timed, true));
            time = instant(json);
        } else if (name == "value") {
            require(!std::exchange(valued, true));
            value = instant(json);
        } else {
            json.value();
        }
    });
    require(user_id.has_value());
    return {"", *user_id, time ? time : value};
}

// All users of one emotion: `{"key": ..., "users": [...]}`.
void add_emotion(Json& json, std::vector<Reaction>& reactions) {
    std::string scratch;
    Maybe key;
    std::vector<Reaction> found;
    bool listed = false;
    json.object([&](Slice name) {
        if (name == "key") {
            require(!key);
            key = std::string(json.string(scratch));
        } else if (name == "users") {
            require(!std::exchange(listed, true));
            json.array([&] { found.push_back(reaction(json)); });
        } else {
            json.value();
        }
    });
    require(key && key->size() <= LONGEST_KEY && *key != "reactionsConsumptionHorizon" && *key != "pollAnswer");
    require(reactions.size() + found.size() <= MOST_REACTIONS);
    for (Reaction& one : found) {
        // Of several of one person and emotion the latest counts: rare enough to be left.
        for (const Reaction& other : reactions) require(other.emotion != *key || other.user_id != one.user_id);
        one.emotion = *key;
        reactions.push_back(std::move(one));
    }
}

}  // namespace

Properties read_properties(Slice source) {
    Properties found;
    found.given = true;
    found.source = source;
    std::string scratch, previews;
    bool edited = false, deleted = false, reacted = false, in_album = false, forwarded = false, previewed = false;
    Json json(source);
    json.object([&](Slice name) {
        if (name == "edittime") {
            require(!std::exchange(edited, true));
            found.edited_at = instant(json);
        } else if (name == "deletetime") {
            require(!std::exchange(deleted, true));
            found.deleted_at = instant(json);
        } else if (name == "emotions") {
            require(!std::exchange(reacted, true));
            if (!json.null()) json.array([&] { add_emotion(json, found.reactions); });
        } else if (name == "albumId") {
            require(!std::exchange(in_album, true));
            if (json.null()) return;
            Slice album = json.string(scratch);
            if (!album.empty()) found.album_id = std::string(album);
        } else if (name == "forwardMetadata") {
            require(!std::exchange(forwarded, true));
            found.is_forwarded = json.value() != "null";
        } else if (name == "urlpreviews") {
            require(!std::exchange(previewed, true));
            if (!json.null()) found.previews = read_previews(json.string(previews));
        } else if (name == "files" || name == "mentions") {
            // Of Teams: nothing, mostly.
            Slice value = json.value();
            require(value == "null" || value == "\"\"" || value == "[]" || value == "\"[]\"");
        } else {
            json.value();
        }
    });
    json.finish();
    return found;
}

}  // namespace compiled
