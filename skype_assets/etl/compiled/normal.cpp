#include "normal.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#include "json.hpp"

namespace compiled {

namespace {

constexpr int DEEPEST = 32;

void add_value(std::string& normal, Json& json, int depth);

// Keys in the order of their lengths, then of their bytes; of equal ones the last has the say.
void add_object(std::string& normal, Json& json, int depth) {
    std::vector<std::pair<Slice, std::string>> members;
    json.object([&](Slice name) { add_value(members.emplace_back(name, "").second, json, depth); });
    std::stable_sort(members.begin(), members.end(), [](const auto& one, const auto& other) {
        return std::pair(one.first.size(), one.first) < std::pair(other.first.size(), other.first);
    });
    normal += '{';
    for (size_t place = 0; place < members.size(); place++) {
        if (place + 1 < members.size() && members[place].first == members[place + 1].first) continue;
        if (normal.back() != '{') normal += ", ";
        add_json(normal, members[place].first);
        normal += ": ";
        normal += members[place].second;
    }
    normal += '}';
}

void add_array(std::string& normal, Json& json, int depth) {
    normal += '[';
    json.array([&] {
        if (normal.back() != '[') normal += ", ";
        add_value(normal, json, depth);
    });
    normal += ']';
}

void add_value(std::string& normal, Json& json, int depth) {
    require(depth < DEEPEST);
    switch (json.next()) {
        case '{': add_object(normal, json, depth + 1); return;
        case '[': add_array(normal, json, depth + 1); return;
        case '"': {
            std::string scratch;
            add_json(normal, json.string(scratch));
            return;
        }
        case 't':
        case 'f':
        case 'n': normal += json.value(); return;
        default:
            Slice number = json.value();
            require(number.find_first_of("eE") == Slice::npos);
            require(number[0] != '-' || number.find_first_of("123456789") != Slice::npos);
            normal += number;
    }
}

}  // namespace

std::string normal_json(Slice text) {
    std::string normal;
    Json json(text);
    add_value(normal, json, 0);
    json.finish();
    return normal;
}

}  // namespace compiled
