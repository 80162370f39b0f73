"""Fields of plain Python objects whose classes have slots, read and set in place."""

from cpython.object cimport PyObject, PyTypeObject
from cpython.ref cimport Py_INCREF, Py_XDECREF


cdef extern from "Python.h":
    object PyType_GenericAlloc(PyTypeObject *kind, Py_ssize_t items)
    void PyObject_GC_UnTrack(void *owner)


cdef extern from "_slots.h":
    Py_ssize_t slot_offset(object owner, object name) except -1
    PyObject **slot_at(object owner, Py_ssize_t offset)


cdef inline int offsets(Py_ssize_t *table, object owner, str names) except -1:
    """Where the slots of a class lie."""
    for place, name in enumerate(names.split()):
        table[place] = slot_offset(owner, name)
    return 0


cdef inline object get(object owner, Py_ssize_t offset):
    cdef PyObject *found = slot_at(owner, offset)[0]
    if found == NULL:
        raise AttributeError("an empty slot")
    return <object>found


cdef inline int put(object owner, Py_ssize_t offset, object value) except -1:
    cdef PyObject **slot = slot_at(owner, offset)
    cdef PyObject *before = slot[0]
    Py_INCREF(value)
    slot[0] = <PyObject *>value
    Py_XDECREF(before)
    return 0


cdef inline object bare(object kind, Py_ssize_t items):
    """A new object, all of whose slots are still to be filled, in no list of the garbage collector.

    For records of plain values, which are in no circle: else each collection would look at all of them.
    """
    found = PyType_GenericAlloc(<PyTypeObject *>kind, items)
    PyObject_GC_UnTrack(<void *>found)
    return found


cdef inline object made(object kind, Py_ssize_t *table, int count):
    """A new object with None in these slots."""
    cdef int place
    found = bare(kind, 0)
    for place in range(count):
        put(found, table[place], None)
    return found
