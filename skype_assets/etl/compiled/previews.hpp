// What Skype kept of linked pages: `properties.urlpreviews`, the short way of `content/links.py`.
#pragma once

#include "message.hpp"

namespace compiled {

// Previews in a text that holds JSON.
std::vector<Preview> read_previews(Slice text);

// Adds what previews say of links, and the links that only they know.
void add_previews(const std::vector<Preview>& previews, std::vector<Link>& links);

}  // namespace compiled
