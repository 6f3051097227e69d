// Columns in Arrow's layout, grown row by row, and handed to Python as (validity, offsets, values) or (validity,
// values), each as (address, size, owner of the memory).
#pragma once

#include <Python.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "text.hpp"

namespace compiled {

// Hands memory to Python without a copy: it is freed with the last object that refers to it.
template <typename Memory>
PyObject* handed_over(Memory&& memory) {
    auto* owned = new Memory(std::move(memory));
    PyObject* owner = PyCapsule_New(
        owned, nullptr, [](PyObject* capsule) { delete static_cast<Memory*>(PyCapsule_GetPointer(capsule, nullptr)); });
    if (!owner) {
        delete owned;
        return nullptr;
    }
    size_t size = owned->size() * sizeof(typename Memory::value_type);
    return Py_BuildValue("(nnN)", reinterpret_cast<Py_ssize_t>(owned->data()), static_cast<Py_ssize_t>(size), owner);
}

class Validity {
  public:
    void add(bool valid) {
        if (count_ % 8 == 0) bits_.push_back(0);
        if (valid) bits_.back() = static_cast<uint8_t>(bits_.back() | 1u << count_ % 8);
        count_++;
    }
    void reserve(size_t rows) { bits_.reserve(rows / 8 + 1); }
    PyObject* buffer() { return handed_over(std::move(bits_)); }

  private:
    std::vector<uint8_t> bits_;
    size_t count_ = 0;
};

class TextColumn {
  public:
    void add(Slice text) {
        values_.append(text);
        close(true);
    }
    void add(const std::optional<std::string>& text) { text ? add(Slice(*text)) : close(false); }
    void add_null() { close(false); }

    void reserve(size_t rows, size_t bytes) {
        values_.reserve(bytes);
        ends_.reserve(rows + 1);
        validity_.reserve(rows);
    }

    PyObject* buffers() {
        PyObject* validity = validity_.buffer();
        return Py_BuildValue("(NNN)", validity, handed_over(std::move(ends_)), handed_over(std::move(values_)));
    }

  private:
    std::string values_;
    std::vector<int32_t> ends_{0};
    Validity validity_;

    void close(bool valid) {
        ends_.push_back(static_cast<int32_t>(values_.size()));
        validity_.add(valid);
    }
};

template <typename Value>
class NumberColumn {
  public:
    void add(Value value) {
        values_.push_back(value);
        validity_.add(true);
    }
    template <typename Other>
    void add(const std::optional<Other>& value) {
        values_.push_back(static_cast<Value>(value.value_or(0)));
        validity_.add(value.has_value());
    }

    void reserve(size_t rows) {
        values_.reserve(rows);
        validity_.reserve(rows);
    }

    PyObject* buffers() {
        PyObject* validity = validity_.buffer();
        return Py_BuildValue("(NN)", validity, handed_over(std::move(values_)));
    }

  private:
    std::vector<Value> values_;
    Validity validity_;
};

}  // namespace compiled
