// Python's doors to `Sought`.
#pragma once

#include <Python.h>

namespace compiled {

// See `_compiled.pyi`.
PyObject* sought(PyObject*, PyObject* arguments);
PyObject* find(PyObject*, PyObject* arguments);

}  // namespace compiled
