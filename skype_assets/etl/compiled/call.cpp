// Calls started, ended and missed: the short way of `content/call.py`.

#include <Python.h>

#include "markup.hpp"
#include "message.hpp"

namespace compiled {

namespace {

std::optional<double> seconds(Slice text) {
    constexpr size_t MOST_DIGITS = 15;
    text = strip(text);
    if (text.empty()) return std::nullopt;
    size_t point = text.find('.');
    Slice whole = text.substr(0, point), decimals = point == Slice::npos ? Slice("0") : text.substr(point + 1);
    require(all_digits(whole) && whole.size() <= MOST_DIGITS && all_digits(decimals) && text.size() <= 2 * MOST_DIGITS);
    // The function behind Python's float(): the same in every locale.
    return PyOS_string_to_double(std::string(text).c_str(), nullptr, nullptr);
}

Call begin(const Tag& tag) {
    Call call;
    Slice type = tag.get("type");
    call.event = "started";
    if (!type.empty()) {
        call.event = type == "started" ? "started" : type == "ended" ? "ended" : "missed";
        require(call.event == type);
    }
    std::string call_id = tag.unescaped("callid");
    if (!call_id.empty()) call.call_id = std::move(call_id);
    return call;
}

}  // namespace

void read_call(Slice content, Said& said) {
    Markup markup(content);
    Nested nested;
    bool is_typed = false;
    markup.text();
    while (!markup.at_end()) {
        Tag tag = markup.tag();
        nested.tag(tag);
        Slice text = markup.text();
        require(tag.name == "partlist" || tag.name == "part" || tag.name == "name" || tag.name == "duration");
        if (tag.is_end) continue;
        if (tag.is_empty) text = {};
        if (!said.call) {
            if (tag.name == "partlist") said.call = begin(tag);
            is_typed = !tag.get("type").empty();
        } else if (tag.name == "part") {
            require(is_typed);  // else it is for the durations to tell what happened
            said.call->parts.push_back({mri(tag.unescaped("identity")), std::nullopt, std::nullopt});
        } else if (!said.call->parts.empty() && tag.name == "name") {
            Part& part = said.call->parts.back();
            require(!part.display_name);
            part.display_name = plain_name(text);
            // What only repeats the id is no name.
            require(!part.display_name || !part.user_id || !ends_with(*part.user_id, *part.display_name));
        } else if (!said.call->parts.empty() && tag.name == "duration") {
            said.call->parts.back().duration_seconds = seconds(text);
        }
    }
    nested.finish();
}

}  // namespace compiled
