# cython: language_level=3
"""Folders of plain files and folders gone through in two thirds of the time.

Optional; the Python code in find.py finds the same, and has all that is not plain.
"""

from libc.stdint cimport int64_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memset

__all__ = ["IS_THERE", "gone_through"]

cdef extern from "Python.h":
    str PyUnicode_DecodeFSDefaultAndSize(const char *text, Py_ssize_t size)
    bytes PyUnicode_EncodeFSDefault(object text)
    int PyErr_CheckSignals() except -1

cdef extern from "_folder.h" nogil:
    int NO_MEMORY, NOT_PLAIN
    ctypedef struct Entry:
        int64_t start, length, device, size, modified_ns, changed_ns
        uint64_t number
        int is_folder
    ctypedef struct Listing:
        Entry *entries
        char *names
        int64_t count
    ctypedef struct Suffix:
        const char *text
        int64_t length
    int has_folders()
    int listed(const char *path, const Suffix *suffixes, int64_t count, Listing *listing)

# Whether this system says of names what they are.
IS_THERE = bool(has_folders())


def gone_through(
    list waiting, set visited, dict real_of, tuple suffixes, frozenset skipped, set seen, list paths, list states
):
    """Go through `waiting` folders from the last one on, and those in them, up to one that is not plain.

    Of each, `waiting` has the path, what paths in it begin with, and where it is without links. Paths and identities of
    files that end in one of `suffixes` and are not `skipped` or `seen` are added, each file once.
    """
    cdef Listing listing
    cdef Suffix *ends = NULL
    cdef list encoded = [PyUnicode_EncodeFSDefault(suffix) for suffix in suffixes]
    cdef int64_t count = len(encoded), place
    cdef int done
    cdef bytes text
    cdef const char *path
    memset(&listing, 0, sizeof(listing))
    try:
        ends = <Suffix *>malloc((count + 1) * sizeof(Suffix))
        if ends == NULL:
            raise MemoryError
        for place in range(count):
            text = encoded[place]
            ends[place].text, ends[place].length = text, len(text)
        while waiting:
            folder, start, real = waiting[len(waiting) - 1]
            if real in visited:
                waiting.pop()
                continue
            PyErr_CheckSignals()  # many folders on a slow disk take long
            text = PyUnicode_EncodeFSDefault(folder)
            if b"\0" in text:
                return
            path = text
            with nogil:
                done = listed(path, ends, count, &listing)
            if done == NO_MEMORY:
                raise MemoryError
            if done == NOT_PLAIN:
                return
            waiting.pop()
            visited.add(real)
            real_of[folder] = real
            _take(&listing, start, real, waiting, skipped, seen, paths, states)
    finally:
        free(ends)
        free(listing.entries)
        free(listing.names)


cdef int _take(
    const Listing *listing, str start, str real, list waiting, frozenset skipped, set seen, list paths, list states
) except -1:
    """Files in the order of their names, then folders, the first one last: it is the next."""
    cdef list folders = [], files = []
    cdef int64_t place
    cdef const Entry *entry
    cdef tuple file
    for place in range(listing.count):
        entry = listing.entries + place
        name = PyUnicode_DecodeFSDefaultAndSize(listing.names + entry.start, entry.length)
        if entry.is_folder:
            folders.append(name)
        elif name not in skipped:
            files.append((name, place))
    files.sort()
    for file in files:
        entry = listing.entries + <int64_t>file[1]
        if entry.number:
            key = (entry.device, entry.number)
            if key in seen:
                continue
            seen.add(key)
        paths.append(start + <str>file[0])
        states.append((entry.device, entry.number, entry.size, entry.modified_ns, entry.changed_ns))
    folders.sort(reverse=True)
    real_start = real if real.endswith("/") else real + "/"
    for name in folders:
        below = start + <str>name
        waiting.append((below, below + "/", real_start + <str>name))
    return 0
