// A strict reader of one JSON object: what is not plain JSON, is not UTF-8 or nests deeply is unusual. And its writer's
// part.
#pragma once

#include <vector>

#include "text.hpp"

namespace compiled {

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
    void escape(std::string& decoded);
    uint32_t hex4();
};

// Consecutive elements of an array, from where one begins: some thousands at most, and none behind the first that is
// unusual or may go on behind the text.
std::vector<Slice> whole_elements(Slice text);

// Text as a JSON string, spelled as Python's json does without ensure_ascii; null for none.
void add_json(std::string& json, Slice text);
void add_json(std::string& json, const std::optional<std::string>& text);

}  // namespace compiled
