#include "sought_of.hpp"

#include <cstring>
#include <deque>
#include <memory>
#include <utility>
#include <vector>

#include "python.hpp"
#include "sought.hpp"

namespace compiled {

namespace {

constexpr const char* NAME = "skype_assets.sought";

// What a capsule holds: the rows, and the buffers in which they are.
struct HeldRows {
    std::deque<Held> buffers;
    std::unique_ptr<Sought> rows;
};

[[noreturn]] void refuse(const char* why) {
    PyErr_SetString(PyExc_ValueError, why);
    throw PythonError{};
}

Slice slice_of(PyObject* buffer, std::deque<Held>& held) {
    if (buffer == Py_None) return Slice();
    const Held& one = held.emplace_back(buffer);
    return Slice(one.data(), one.size());
}

ArrowColumn column_of(PyObject* described, std::deque<Held>& held) {
    int type;
    Py_ssize_t offset, rows;
    PyObject *validity, *ends, *values, *items;
    if (!PyArg_ParseTuple(described, "innOOOO", &type, &offset, &rows, &validity, &ends, &values, &items))
        throw PythonError{};
    if (offset < 0 || rows < 0) refuse("a column begins before its memory");
    ArrowColumn column{static_cast<ServerType>(type), static_cast<size_t>(offset), static_cast<size_t>(rows), {}, {}, {}, {}};
    column.validity = slice_of(validity, held);
    column.ends = slice_of(ends, held);
    column.values = slice_of(values, held);
    if (items != Py_None) column.items.push_back(column_of(items, held));
    return column;
}

Batch batch_of(PyObject* described, std::deque<Held>& held) {
    PyObject* columns;
    Py_ssize_t rows;
    if (!PyArg_ParseTuple(described, "O!n", &PyTuple_Type, &columns, &rows)) throw PythonError{};
    if (rows < 0 || rows > INT32_MAX) refuse("no batch has so many rows");
    Batch batch{{}, static_cast<size_t>(rows)};
    for (Py_ssize_t place = 0; place < PyTuple_GET_SIZE(columns); place++) {
        batch.columns.push_back(column_of(PyTuple_GET_ITEM(columns, place), held));
        if (batch.columns.back().rows != batch.rows || !batch.columns.back().is_whole())
            refuse("a column has not as many rows as is said");
    }
    return batch;
}

PyObject* sought_of(PyObject* described, Py_ssize_t key) {
    auto made = std::make_unique<HeldRows>();
    std::vector<Batch> batches;
    size_t rows = 0;
    for (Py_ssize_t place = 0; place < PyTuple_GET_SIZE(described); place++) {
        batches.push_back(batch_of(PyTuple_GET_ITEM(described, place), made->buffers));
        rows += batches.back().rows;
        if (key < 0 || static_cast<size_t>(key) > batches.back().columns.size()) refuse("no such key");
    }
    if (rows > INT32_MAX) refuse("too many rows");
    made->rows = std::make_unique<Sought>(std::move(batches), static_cast<size_t>(key));
    PyObject* capsule = PyCapsule_New(made.get(), NAME, [](PyObject* self) {
        delete static_cast<HeldRows*>(PyCapsule_GetPointer(self, NAME));
    });
    if (!capsule) throw PythonError{};
    made.release();
    return capsule;
}

PyObject* find_in(PyObject* capsule, PyObject* borders, PyObject* data) {
    auto* sought = static_cast<HeldRows*>(PyCapsule_GetPointer(capsule, NAME));
    if (!sought) throw PythonError{};
    Held ends(borders), bytes(data);
    Slice records(bytes.data(), bytes.size());
    auto end = [&](size_t place) {
        int32_t value;
        std::memcpy(&value, ends.data() + place * sizeof value, sizeof value);
        return static_cast<size_t>(value);
    };
    size_t count = ends.size() / sizeof(int32_t), found = 0;
    for (size_t place = 0; place + 1 < count; place++) {
        if (end(place) > end(place + 1) || end(place + 1) > records.size()) refuse("a record is beyond the data");
        found += sought->rows->find(records.substr(end(place), end(place + 1) - end(place)));
    }
    return PyLong_FromSize_t(found);
}

}  // namespace

PyObject* sought(PyObject*, PyObject* arguments) {
    PyObject* batches;
    Py_ssize_t key;
    if (!PyArg_ParseTuple(arguments, "O!n", &PyTuple_Type, &batches, &key)) return nullptr;
    return guarded([&] { return sought_of(batches, key); });
}

PyObject* find(PyObject*, PyObject* arguments) {
    PyObject *capsule, *borders, *data;
    if (!PyArg_ParseTuple(arguments, "OOO", &capsule, &borders, &data)) return nullptr;
    return guarded([&] { return find_in(capsule, borders, data); });
}

}  // namespace compiled
