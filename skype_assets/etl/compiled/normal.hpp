// The text that PostgreSQL gives for a `jsonb` value.
#pragma once

#include <string>

#include "text.hpp"

namespace compiled {

// Of a JSON text; unusual if it has a number with an exponent, or a zero below none.
std::string normal_json(Slice text);

}  // namespace compiled
