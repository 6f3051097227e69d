#include "previews.hpp"

#include <utility>

#include "json.hpp"

namespace compiled {

namespace {

constexpr size_t LONGEST = 4000, MOST = 64;

Slice address(Slice url) {
    if (ends_with(url, "/")) url.remove_suffix(1);
    return url;
}

// `{"url": ..., "title": ..., "description": ...}`; or null, or a string, which say nothing.
Maybe read_page(Json& json, Preview& preview) {
    Maybe url;
    bool addressed = false, titled = false, described = false;
    if (json.next() != '{') {
        json.filled();
        return url;
    }
    json.object([&](Slice name) {
        if (name == "url") {
            require(!std::exchange(addressed, true));
            url = json.filled();
        } else if (name == "title") {
            require(!std::exchange(titled, true));
            preview.title = json.filled();
        } else if (name == "description") {
            require(!std::exchange(described, true));
            preview.description = json.filled();
        } else {
            json.value();
        }
    });
    return url;
}

Preview read_preview(Json& json) {
    Preview preview;
    Maybe url, key;
    bool named = false, valued = false;
    json.object([&](Slice name) {
        if (name == "key") {
            require(!std::exchange(named, true));
            key = json.filled();
        } else if (name == "value") {
            require(!std::exchange(valued, true));
            url = read_page(json, preview);
        } else {
            json.value();
        }
    });
    for (const Maybe& one : {url, key})
        if (one) preview.urls.push_back(*one);
    return preview;
}

bool is_known_by(const Preview& preview, Slice wanted) {
    for (const std::string& url : preview.urls)
        if (address(url) == wanted) return true;
    return false;
}

}  // namespace

std::vector<Preview> read_previews(Slice text) {
    std::vector<Preview> previews;
    if (strip(text).empty()) return previews;
    require(text.size() < LONGEST);
    Json json(text);
    json.array([&] {
        Preview preview = read_preview(json);
        if (!preview.urls.empty()) previews.push_back(std::move(preview));
    });
    json.finish();
    return previews;
}

void add_previews(const std::vector<Preview>& previews, std::vector<Link>& links) {
    require(links.size() <= MOST && previews.size() <= MOST);
    std::vector<Slice> known;
    for (Link& link : links) {
        known.push_back(address(link.url));
        for (const Preview& preview : previews) {
            if (!is_known_by(preview, known.back())) continue;
            link.title = preview.title;
            link.description = preview.description;
            break;
        }
    }
    std::vector<Link> others;
    for (const Preview& preview : previews) {
        bool is_new = true;
        for (Slice one : known) is_new = is_new && !is_known_by(preview, one);
        if (is_new) others.push_back({preview.urls.front(), std::nullopt, preview.title, preview.description});
        for (const std::string& url : preview.urls) known.push_back(address(url));
    }
    for (Link& link : others) links.push_back(std::move(link));
}

}  // namespace compiled
