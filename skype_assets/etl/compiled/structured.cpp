// Content of elements that hold nothing but text: SMS and thread activity, the short way of `content/elements.py`.

#include "json.hpp"
#include "markup.hpp"
#include "message.hpp"

namespace compiled {

namespace {

bool is_among(Slice name, std::initializer_list<Slice> names) {
    for (Slice one : names)
        if (one == name) return true;
    return false;
}

// Calls `leaf(tag, text)` for the elements of some names, which hold text and nothing else, and `other(tag)` for the
// start tags of those around them.
template <typename Leaf, typename Other>
void read_leaves(Slice content, std::initializer_list<Slice> names, Leaf leaf, Other other) {
    Markup markup(content);
    Nested nested;
    markup.text();
    while (!markup.at_end()) {
        Tag tag = markup.tag();
        for (char c : tag.name) require(c == lower(c));
        if (!tag.is_end && is_among(tag.name, names)) {
            require(!tag.is_empty);
            Slice text = markup.text();
            markup.end_tag(tag.name);
            leaf(tag, text);
        } else {
            nested.tag(tag);
            require(!is_among(tag.name, {"uriobject", "file", "e_m", "mediaalbum"}) && !is_of_html(tag.name));
            if (!tag.is_end) other(tag);
        }
        markup.text();
    }
    nested.finish();
}

void add_number(std::string& json, const Maybe& digits) {
    json += digits ? std::to_string(whole_number(*digits)) : "null";
}

}  // namespace

void read_sms(Slice content, Said& said) {
    bool is_sms = false;
    std::string encoded, targets;
    Maybe type, status, failure_reason, sent;
    auto keep_first = [](Maybe& first, Slice text) {
        if (!first) first = plain_name(text);
    };
    auto leaf = [&](const Tag& tag, Slice text) {
        if (tag.name == "type") keep_first(type, text);
        if (tag.name == "status") keep_first(status, text);
        if (tag.name == "failurereason") keep_first(failure_reason, text);
        if (tag.name == "sendtimestamp") keep_first(sent, text);
        if (tag.name == "encoded_body") add_unescaped(encoded, text);
        if (tag.name == "target") {
            add_json(targets.append(targets.empty() ? "{\"phone\":" : ",{\"phone\":"), plain_name(text));
            Slice delivered = tag.get("status");
            add_number(targets.append(",\"status\":"), delivered.empty() ? std::nullopt : Maybe(delivered));
            targets += "}";
        }
    };
    read_leaves(
        content, {"type", "status", "failurereason", "target", "chunk", "encoded_body", "sendtimestamp"}, leaf,
        [&](const Tag& tag) { is_sms = is_sms || tag.name == "sms"; });
    said.text = std::string(strip(encoded));
    require(is_sms && !said.text.empty());
    std::string details = "{\"status\":";
    add_number(details, status);
    add_number(details.append(",\"type\":"), type);
    add_json(details.append(",\"failure_reason\":"), failure_reason);
    details.append(",\"targets\":[").append(targets).append("],\"sent_at\":");
    MaybeNumber sent_at = sent ? milliseconds_or_seconds(*sent) : std::nullopt;
    add_json(details, sent_at ? Maybe(iso_text(*sent_at)) : std::nullopt);
    said.details = details + "}";
}

void read_thread_activity(Slice content, Slice event, Said& said) {
    Maybe initiator, time;
    std::vector<Maybe> targets;
    auto leaf = [&](const Tag& tag, Slice text) {
        if (tag.name == "initiator" && !initiator) initiator = plain_name(text);
        if (tag.name == "eventtime" && !time) time = plain_name(text);
        if (tag.name == "target") {
            Maybe name = plain_name(text), target = name ? mri(*name) : std::nullopt;
            if (target) targets.push_back(target);
        }
    };
    require(content.find('{') == Slice::npos);
    read_leaves(content, {"eventtime", "initiator", "target"}, leaf, [](const Tag& tag) {
        require(!is_among(tag.name, {"id", "role", "value", "detailedinitiatorinfo", "detailedtargetinfo"}));
    });
    if (targets.empty()) targets.push_back(std::nullopt);
    Maybe initiator_id = initiator ? mri(*initiator) : std::nullopt;
    MaybeNumber occurred_at = time ? milliseconds_or_seconds(*time) : std::nullopt;
    for (Maybe& target : targets) said.thread_events.push_back({event, initiator_id, std::move(target), occurred_at});
}

}  // namespace compiled
