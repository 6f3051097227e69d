// Cards: JSON in the base64 of Swift elements, the short way of `content/cards.py`.
#pragma once

#include "message.hpp"

namespace usual {

void add_cards(const std::vector<std::string>& encoded, Emoji& emoji, Said& said);

}  // namespace usual
