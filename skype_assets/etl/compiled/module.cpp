// Python's door to the short ways: `elements(data, begin, end)`, `raw_columns(data, first, offsets, lengths, places)`,
// `read(offsets, data, excluded, readers, emoji, key_length)`, `normal_json(text)`, `sought(batches, key)` and
// `find(sought, borders, data)`, see `_compiled.pyi`.

#include <Python.h>

#include <algorithm>
#include <cstring>
#include <new>
#include <unordered_map>
#include <utility>

#include "json.hpp"
#include "markup.hpp"
#include "normal.hpp"
#include "previews.hpp"
#include "python.hpp"
#include "raw_columns.hpp"
#include "sha256.hpp"
#include "sought_of.hpp"
#include "tables.hpp"

namespace compiled {

namespace {

// Columns have 32-bit offsets, and text can grow when it is read; a batch is far smaller.
constexpr size_t LARGEST_BATCH = size_t{1} << 28;
constexpr size_t LONGEST_ID = 100;
// No text of such an object is one that is shortened.
constexpr size_t LARGEST_OBJECT = size_t{1} << 16;

// As in `content/bounds.py`.
constexpr size_t FREE_ROWS = 4096, ROWS_PER_BYTE = 8;

enum class Reader { literal, rich_text, media, card, call, sms, thread_activity };

// How messages of a type are read; of thread activity also what has happened.
struct Type {
    Reader reader;
    Slice event;
};
using Types = std::unordered_map<Slice, Type>;

Slice slice_of(PyObject* text) {
    Py_ssize_t size = 0;
    const char* data = PyUnicode_AsUTF8AndSize(text, &size);
    if (!data) throw PythonError{};
    return Slice(data, static_cast<size_t>(size));
}

Types types_of(PyObject* readers) {
    static const std::unordered_map<Slice, Reader> BY_NAME = {
        {"literal", Reader::literal}, {"rich_text", Reader::rich_text}, {"media", Reader::media},
        {"card", Reader::card},       {"call", Reader::call},           {"sms", Reader::sms}};
    Types found;
    PyObject *type, *reader;
    for (Py_ssize_t place = 0; PyDict_Next(readers, &place, &type, &reader);) {
        Slice name = slice_of(reader);
        auto known = BY_NAME.find(name);
        found[slice_of(type)] = known == BY_NAME.end() ? Type{Reader::thread_activity, name} : Type{known->second, ""};
    }
    return found;
}

PyObject* text_of(Slice text) {
    return PyUnicode_FromStringAndSize(text.data(), static_cast<Py_ssize_t>(text.size()));
}

class PythonEmoji : public Emoji {
  public:
    explicit PythonEmoji(PyObject* function) : function_(function) {}

    const Maybe& of(Slice type) override {
        std::string key(type);
        auto found = known_.find(key);
        if (found != known_.end()) return found->second;
        PyObject* shown = PyObject_CallFunction(function_, "N", text_of(type));
        if (!shown) throw PythonError{};
        Maybe text = shown == Py_None ? std::nullopt : Maybe(slice_of(shown));
        Py_DECREF(shown);
        return known_.emplace(std::move(key), std::move(text)).first->second;
    }

  private:
    PyObject* function_;
    std::unordered_map<std::string, Maybe> known_;
};

// Holds decoded strings for as long as a message is read.
struct Scratch {
    std::string id, display_name, from, messagetype, content, arrival;
};

class Batch {
  public:
    Batch(Types types, PyObject* emoji, size_t rows, size_t bytes, size_t key_length)
        : tables(rows, bytes), types_(std::move(types)), emoji_(emoji), key_length_(key_length) {}

    void add(int32_t row, Slice object) {
        require(object.size() <= LARGEST_OBJECT);
        message_.clear(row);
        read(object, message_);
        say(message_);
        require(weight(message_.said, message_.properties, key_length_ + message_.id.size()) <=
                FREE_ROWS + ROWS_PER_BYTE * object.size());
        tables.add(message_);
    }

    Tables tables;

  private:
    Types types_;
    PythonEmoji emoji_;
    size_t key_length_;
    Scratch scratch_;
    Message message_;
    std::vector<std::string> references_;

    void read(Slice object, Message& message);
    void say(Message& message);
};

std::optional<Slice> string_or_null(Json& json, std::string& scratch) {
    if (json.null()) return std::nullopt;
    return json.string(scratch);
}

void Batch::read(Slice object, Message& message) {
    enum Field { ID, NAME, ARRIVAL, TYPE, VERSION, CONTENT, FROM, PROPERTIES, REFERENCES, FIELDS };
    bool given[FIELDS] = {};
    auto once = [&](Field field) { require(!std::exchange(given[field], true)); };
    references_.clear();
    Json json(object);
    json.object([&](Slice name) {
        if (name == "id") {
            once(ID);
            message.id = json.string(scratch_.id);
        } else if (name == "displayName") {
            once(NAME);
            message.display_name = string_or_null(json, scratch_.display_name);
        } else if (name == "originalarrivaltime") {
            once(ARRIVAL);
            message.arrived_at = iso_microseconds(json.string(scratch_.arrival));
        } else if (name == "messagetype") {
            once(TYPE);
            message.messagetype = json.string(scratch_.messagetype);
        } else if (name == "version") {
            once(VERSION);
            if (!json.null()) message.version = whole_number(json.digits());
        } else if (name == "content") {
            once(CONTENT);
            message.content = json.string(scratch_.content);
        } else if (name == "from") {
            once(FROM);
            message.from = string_or_null(json, scratch_.from);
        } else if (name == "properties") {
            once(PROPERTIES);
            if (!json.null()) message.properties = read_properties(json.value());
        } else if (name == "amsreferences") {
            once(REFERENCES);
            if (json.null()) return;
            json.array([&] {
                std::string scratch;
                references_.emplace_back(json.string(scratch));
            });
        } else {
            json.value();
        }
    });
    json.finish();
    require(given[ID] && given[ARRIVAL] && given[TYPE] && given[CONTENT]);
    require(!message.id.empty() && message.id.size() <= LONGEST_ID);
    for (char c : message.id) require(c > ' ' && c <= '~');
}

void Batch::say(Message& message) {
    auto type = types_.find(message.messagetype);
    require(type != types_.end());
    Reader reader = type->second.reader;
    Slice content = message.content;
    Said& said = message.said;
    const Properties& properties = message.properties;
    // A row of the server's, perhaps.
    require(!strip(content).empty() || !properties.given || properties.deleted_at);
    // What is left of a deleted message counts as nothing.
    require(!properties.deleted_at || (content.empty() && properties.previews.empty()));
    if (reader == Reader::literal) {
        require(references_.empty() && !(properties.given && content.find('<') != Slice::npos));
        said.text.assign(content);
        return;
    }
    require(is_usual_text(content));
    if (reader == Reader::media) return read_media(content, references_, said);
    if (reader == Reader::card) return read_card(content, references_, emoji_, said);
    require(references_.empty() && content.find('\r') == Slice::npos);
    switch (reader) {
        case Reader::rich_text:
            read_rich_text(content, emoji_, said);
            add_previews(properties.previews, said.links);
            // An edit that left nothing, or has words of its own.
            require(said.originals.empty() || !(said.text.empty() || starts_with(said.text, "Edited previous")));
            break;
        case Reader::call: read_call(content, said); break;
        case Reader::sms: read_sms(content, said); break;
        default: read_thread_activity(content, type->second.event, said); break;
    }
}

PyObject* read_all(PyObject* offsets, PyObject* data, PyObject* excluded, PyObject* readers, PyObject* emoji,
                   Py_ssize_t key_length) {
    Held borders(offsets), bytes(data), left(excluded);
    const int64_t* border = reinterpret_cast<const int64_t*>(borders.data());
    size_t rows = left.size();
    if (borders.size() / sizeof(int64_t) < rows + 1 || rows > INT32_MAX) {
        PyErr_SetString(PyExc_ValueError, "there must be an offset more than rows");
        throw PythonError{};
    }
    size_t all = static_cast<size_t>(border[rows] - border[0]);
    Batch batch(types_of(readers), emoji, rows, std::min(all, LARGEST_BATCH), static_cast<size_t>(key_length));
    if (all <= LARGEST_BATCH) {
        for (size_t row = 0; row < rows; row++) {
            if (left.data()[row]) continue;
            bool ascending = border[row] >= 0 && border[row] <= border[row + 1];
            if (!ascending || static_cast<size_t>(border[row + 1]) > bytes.size()) {
                PyErr_SetString(PyExc_ValueError, "an offset is beyond the data");
                throw PythonError{};
            }
            size_t length = static_cast<size_t>(border[row + 1] - border[row]);
            try {
                batch.add(static_cast<int32_t>(row), Slice(bytes.data() + border[row], length));
            } catch (const Unusual&) {
                continue;
            }
        }
    }
    return batch.tables.buffers();
}

// 64-bit integers, one that `number` makes of each element.
template <typename Number>
PyObject* numbers(const std::vector<Element>& found, Number number) {
    Py_ssize_t size = static_cast<Py_ssize_t>(found.size() * sizeof(int64_t));
    PyObject* made = PyBytes_FromStringAndSize(nullptr, size);
    if (!made) throw PythonError{};
    char* at = PyBytes_AS_STRING(made);
    for (const Element& one : found) {
        int64_t value = number(one);
        std::memcpy(at, &value, sizeof value);
        at += sizeof value;
    }
    return made;
}

PyObject* elements_between(PyObject* data, Py_ssize_t begin, Py_ssize_t end) {
    Held bytes(data);
    if (begin < 0 || begin > end || static_cast<size_t>(end) > bytes.size()) {
        PyErr_SetString(PyExc_ValueError, "the range is beyond the data");
        throw PythonError{};
    }
    std::vector<Element> found = whole_elements(Slice(bytes.data() + begin, static_cast<size_t>(end - begin)));
    PyObject* made = PyTuple_New(3);
    if (!made) throw PythonError{};
    try {
        PyTuple_SET_ITEM(made, 0, numbers(found, [&](const Element& one) { return one.text.data() - bytes.data(); }));
        PyTuple_SET_ITEM(made, 1, numbers(found, [](const Element& one) { return static_cast<int64_t>(one.text.size()); }));
        PyTuple_SET_ITEM(made, 2, numbers(found, [](const Element& one) { return one.places; }));
    } catch (const PythonError&) {
        Py_DECREF(made);
        throw;
    }
    return made;
}

// A buffer of 64-bit integers.
class HeldNumbers {
  public:
    explicit HeldNumbers(PyObject* object) : held_(object) {}
    size_t size() const { return held_.size() / sizeof(int64_t); }
    int64_t operator[](size_t place) const {
        int64_t value;
        std::memcpy(&value, held_.data() + place * sizeof value, sizeof value);
        return value;
    }

  private:
    Held held_;
};

PyObject* raw_columns_of(PyObject* data, Py_ssize_t first, PyObject* offsets, PyObject* lengths, PyObject* places) {
    Held bytes(data);
    HeldNumbers begin(offsets), length(lengths), named(places);
    size_t rows = begin.size(), all = 0;
    bool is_inside = length.size() == rows && named.size() == rows && first >= 0;
    for (size_t row = 0; is_inside && row < rows; row++) {
        size_t at = static_cast<size_t>(begin[row] - first), size = static_cast<size_t>(length[row]);
        is_inside = begin[row] >= first && length[row] >= 0 && at <= bytes.size() && size <= bytes.size() - at;
        all += size;
    }
    if (!is_inside || all > bytes.size()) {
        PyErr_SetString(PyExc_ValueError, "a message is beyond the data, or upon another one");
        throw PythonError{};
    }
    RawColumns columns(rows, all);
    {
        Unlocked unlocked;
        Sha256 hash;
        for (size_t row = 0; row < rows; row++)
            columns.add(Slice(bytes.data() + begin[row] - first, static_cast<size_t>(length[row])), named[row], hash);
    }
    PyObject* raw = Py_BuildValue("(NN)", handed_over(std::move(columns.ends)), handed_over(std::move(columns.raw)));
    PyObject* sha256 = handed_over(std::move(columns.sha256));
    PyObject *id = columns.id.buffers(), *messagetype = columns.messagetype.buffers();
    return Py_BuildValue("(NNNNN)", raw, sha256, id, messagetype, handed_over(std::move(columns.left)));
}

PyObject* elements(PyObject*, PyObject* arguments) {
    PyObject* data;
    Py_ssize_t begin, end;
    if (!PyArg_ParseTuple(arguments, "Onn", &data, &begin, &end)) return nullptr;
    return guarded([&] { return elements_between(data, begin, end); });
}

PyObject* raw_columns(PyObject*, PyObject* arguments) {
    PyObject *data, *offsets, *lengths, *places;
    Py_ssize_t first;
    if (!PyArg_ParseTuple(arguments, "OnOOO", &data, &first, &offsets, &lengths, &places)) return nullptr;
    return guarded([&] { return raw_columns_of(data, first, offsets, lengths, places); });
}

PyObject* read(PyObject*, PyObject* arguments) {
    PyObject *offsets, *data, *excluded, *readers, *emoji;
    Py_ssize_t key_length;
    if (!PyArg_ParseTuple(arguments, "OOOO!On", &offsets, &data, &excluded, &PyDict_Type, &readers, &emoji, &key_length))
        return nullptr;
    return guarded([&] { return read_all(offsets, data, excluded, readers, emoji, key_length); });
}

PyObject* normal_json_of(PyObject*, PyObject* text) {
    return guarded([&]() -> PyObject* {
        try {
            return text_of(normal_json(slice_of(text)));
        } catch (const Unusual&) {
            Py_RETURN_NONE;
        }
    });
}

PyMethodDef METHODS[] = {
    {"elements", elements, METH_VARARGS, "Where the elements of an array begin, and their lengths."},
    {"raw_columns", raw_columns, METH_VARARGS, "What extract keeps of messages."},
    {"read", read, METH_VARARGS, "Columns of the tables that usual messages become."},
    {"normal_json", normal_json_of, METH_O, "The text that the server gives for JSON."},
    {"sought", sought, METH_VARARGS, "Rows that are sought among records."},
    {"find", find, METH_VARARGS, "How many records are such rows."},
    {nullptr, nullptr, 0, nullptr},
};

PyModuleDef MODULE = {PyModuleDef_HEAD_INIT, "_compiled", nullptr, 0, METHODS, nullptr, nullptr, nullptr, nullptr};

}  // namespace

}  // namespace compiled

PyMODINIT_FUNC PyInit__compiled() { return PyModule_Create(&compiled::MODULE); }
