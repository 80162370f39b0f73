/* Fields of plain Python objects whose classes have slots, read and set in place.
 *
 * A slot is a pointer at an offset that the class's own descriptor tells, so that this is what the interpreter does,
 * without the look-up.
 */
#ifndef LATPROF_SLOTS_H
#define LATPROF_SLOTS_H

#include <Python.h>
#include <structmember.h>

#if defined(Py_GIL_DISABLED) || defined(PYPY_VERSION)
#error "slots are read without a lock, and only CPython keeps them so"
#endif

/* Where a slot lies in the objects of a class; -1 with an error when it is none. */
static Py_ssize_t slot_offset(PyObject *owner, PyObject *name) {
    Py_ssize_t offset = -1;
    PyObject *found = PyObject_GetAttr(owner, name);
    if (found && Py_IS_TYPE(found, &PyMemberDescr_Type)) {
        PyMemberDescrObject *descriptor = (PyMemberDescrObject *)found;
        if ((PyObject *)PyDescr_TYPE(descriptor) == owner && descriptor->d_member->type == T_OBJECT_EX)
            offset = descriptor->d_member->offset;
    }
    Py_XDECREF(found);
    if (offset < 0 && !PyErr_Occurred()) PyErr_Format(PyExc_ImportError, "%U is no slot", name);
    return offset;
}

static inline PyObject **slot_at(PyObject *owner, Py_ssize_t offset) {
    return (PyObject **)((char *)owner + offset);
}

#endif
