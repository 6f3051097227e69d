// A strict reader of one JSON object: what is not plain JSON, is not UTF-8 or nests deeply is unusual. And its writer's
// part.
#pragma once

#include <cstdint>
#include <vector>

#include "text.hpp"

namespace compiled {

struct Element;

class Json {
  public:
    explicit Json(Slice text) : at_(text.data()), end_(text.data() + text.size()) {}

    // Calls `field(name)` for every field of an object, which must read its value. Names with escapes are unusual.
    template <typename Field>
    void object(Field field) {
        expect('{');
        if (take('}')) return;
        do {
            std::string scratch;
            Slice name = string(scratch);
            require(scratch.empty());
            expect(':');
            space();
            field(name);
        } while (take(','));
        expect('}');
    }

    // Calls `element()` for every element of an array, which must read it.
    template <typename Element>
    void array(Element element) {
        expect('[');
        if (take(']')) return;
        do {
            space();
            element();
        } while (take(','));
        expect(']');
    }

    // Whether a null comes next; it is taken then.
    bool null();

    // A string, decoded: a slice of the text itself, or of `scratch` if it has escapes (which is filled only then).
    Slice string(std::string& scratch);

    // The same copied; nothing for null and, as in `embedded_json.string`, for an empty one.
    std::optional<std::string> filled();

    // The digits of a whole number that is not negative.
    Slice digits();

    // The next value as it is written.
    Slice value();

    // The same of an element of an array.
    Element element();

    // Adds the next value as Python's json writes what it reads; fractions are unusual.
    void copy(std::string& json);

    // The character that comes next.
    char next();

    // Nothing but blanks may be left.
    void finish();

  private:
    const char* at_;
    const char* end_;

    void space();
    bool take(char wanted);
    void expect(char wanted);
    void skip(int depth);
    void copy(std::string& json, int depth);
    void skip_number();
    void word(Slice wanted);
    // Both decode nothing if there is nowhere to.
    Slice string(std::string* scratch);
    void escape(std::string* decoded);
    uint32_t hex4();
};

// An element of an array, and where its `id` and its `messagetype` stand in it.
struct Element {
    Slice text;
    int64_t places;
};

// The texts of an object's `id` and `messagetype`, as `Element::places` tells them: four numbers of 16 bits, where each
// begins and how long it is. It is 0 unless both are there once, as plain strings that need no decoding, and near the
// beginning.
struct Named {
    Slice id, messagetype;

    int64_t places(Slice object) const;
    static Named at(int64_t places, Slice object);
};

// Consecutive elements of an array, from where one begins: some thousands at most, and none behind the first that is
// unusual or may go on behind the text.
std::vector<Element> whole_elements(Slice text);

// Text as a JSON string, spelled as Python's json does without ensure_ascii; null for none.
void add_json(std::string& json, Slice text);
void add_json(std::string& json, const std::optional<std::string>& text);

}  // namespace compiled
