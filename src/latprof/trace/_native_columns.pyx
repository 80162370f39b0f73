# cython: language_level=3, boundscheck=True, wraparound=False
"""What `Columns.of` does, in one pass over the calls for each column.

Optional; the Python code in columns.py, blocks.py, numbers.py and pool.py gives the same columns.
"""

from cpython.dict cimport PyDict_GetItemWithError
from cpython.object cimport PyObject
from libc.math cimport isnan
from libc.stdint cimport int32_t, uint32_t, uint64_t
from libc.string cimport memcmp, memcpy

from zlib import crc32

import numpy as np

from latprof.model import Block, Call
from latprof.trace._slots cimport get, offsets

__all__ = ["LAYOUT", "columns_of"]

cdef object _CALL = Call, _BLOCK = Block, _crc32 = crc32
cdef object _empty = np.empty, _INT32 = np.int32, _FLOAT64 = np.float64, _FLOAT32 = np.float32, _UINT32 = np.uint32

cdef tuple _CODED = (
    "agent", "agent_version", "session_id", "agent_id", "provider", "model", "requested_model", "project", "host",
    "engineer", "effort", "speed_mode", "trigger", "sent_source", "first_output_source", "last_output_source",
    "output_tokens_source", "load", "stop_reason", "told_by",
)
cdef tuple _TIMES = ("trigger_at", "sent_at", "headers_at", "first_output_at", "last_output_at", "tool_s")
cdef tuple _COUNTS = (
    "input_tokens", "cache_read_tokens", "cache_write_tokens", "output_tokens", "reasoning_tokens", "attempts",
)
cdef tuple _INSTANTS = ("start_at", "end_at", "result_at"), _SIZES = ("characters", "tokens", "signature_characters")

# To be compared with what the Python code has, however old this file is.
LAYOUT = (_CODED, _TIMES, _COUNTS, _INSTANTS, _SIZES)

cdef Py_ssize_t[20] _coded
cdef Py_ssize_t[6] _times
cdef Py_ssize_t[6] _counts
cdef Py_ssize_t[3] _instants
cdef Py_ssize_t[3] _sizes
cdef Py_ssize_t[2] _words
cdef Py_ssize_t[10] _others
offsets(_coded, Call, " ".join(_CODED))
offsets(_times, Call, " ".join(_TIMES))
offsets(_counts, Call, " ".join(_COUNTS))
offsets(_instants, Block, " ".join(_INSTANTS))
offsets(_sizes, Block, " ".join(_SIZES))
offsets(_words, Block, "type name")
offsets(
    _others, Call,
    "flags blocks stated_id request_id message_id agent session_id model last_output_at sent_at",
)
cdef Py_ssize_t _end_at = _instants[1]

# A stated NaN, as numbers.py marks it, and the bound beyond which a count is never kept short.
cdef uint64_t _STATED_NAN = 0x7FFC000000000000
cdef double _LARGE = 2.0**100


def columns_of(list calls not None, str reader not None, dict numbers not None):
    """Codes of types and names of blocks and their numbers, codes of calls, their numbers, and checksums of their ids.

    `numbers` is the pool's table, which is added to. Codes are int32, still to be narrowed.
    """
    cdef list blocks = []
    for call in calls:
        if not isinstance(call, _CALL):
            raise TypeError("not a call")
        for block in get(call, _others[1]):
            if not isinstance(block, _BLOCK):
                raise TypeError("not a block")
            blocks.append(block)
    of_blocks = _empty((2, len(blocks)), _INT32)
    cdef int32_t[:, ::1] words = of_blocks
    cdef Py_ssize_t row
    for row in range(2):
        _code(blocks, _words[row], numbers, words[row])
    block_numbers = {}
    for row in range(3):
        _add(block_numbers, _INSTANTS[row], _floats(blocks, _instants[row]))
    for row in range(3):
        _add(block_numbers, _SIZES[row], _whole(blocks, _sizes[row]))
    coded = _empty((len(_CODED) + 2, len(calls)), _INT32)
    cdef int32_t[:, ::1] codes = coded
    for row in range(20):
        _code(calls, _coded[row], numbers, codes[row])
    _code_flags(calls, numbers, codes[20])
    codes[21, :] = numbers.setdefault(reader, len(numbers) - 1)
    call_numbers = {}
    for row in range(6):
        _add(call_numbers, _TIMES[row], _floats(calls, _times[row]))
    for row in range(6):
        _add(call_numbers, _COUNTS[row], _whole(calls, _counts[row]))
    return of_blocks, block_numbers, coded, call_numbers, _keys(calls)


cdef int _add(dict columns, str name, object column) except -1:
    if column is not None:
        columns[name] = column
    return 0


cdef int _code(list rows, Py_ssize_t offset, dict numbers, int32_t[::1] codes) except -1:
    """Each text by its number in the pool."""
    cdef Py_ssize_t place
    cdef int32_t code = 0
    cdef PyObject *before = NULL
    for place in range(len(rows)):
        text = get(rows[place], offset)
        if <PyObject *>text != before:
            code = _number(text, numbers)
            before = <PyObject *>text
        codes[place] = code
    return 0


cdef int _number(object text, dict numbers) except? -1:
    cdef PyObject *found = PyDict_GetItemWithError(numbers, text)
    if found == NULL:
        numbers[text] = len(numbers) - 1
        return len(numbers) - 2
    return <object>found


cdef int _code_flags(list calls, dict numbers, int32_t[::1] codes) except -1:
    cdef Py_ssize_t place
    cdef dict known = {}
    for place in range(len(calls)):
        flags = get(calls[place], _others[0])
        joined = known.get(flags)
        if joined is None:
            joined = known[flags] = " ".join(flags)
        codes[place] = _number(joined, numbers)
    return 0


cdef object _floats(list rows, Py_ssize_t offset):
    """As `numbers_of`."""
    cdef Py_ssize_t place, count = len(rows)
    cdef double number
    cdef double[::1] values
    column = None
    for place in range(count):
        value = get(rows[place], offset)
        if value is None:
            if column is not None:
                values[place] = float("nan")
            continue
        if column is None:
            column = _empty(count, _FLOAT64)
            values = column
            values[:place] = float("nan")
        number = value
        if isnan(number):
            memcpy(&values[place], &_STATED_NAN, 8)
        else:
            values[place] = number
    return column


cdef object _whole(list rows, Py_ssize_t offset):
    """As `counts_of`: in single precision where that is exact to the last bit."""
    cdef Py_ssize_t place, count = len(rows)
    cdef double number, again
    cdef bint short = True, any_number = False
    cdef double[::1] values
    column = None
    for place in range(count):
        value = get(rows[place], offset)
        if value is None:
            if column is not None:
                values[place] = float("nan")
            continue
        if column is None:
            column = _empty(count, _FLOAT64)
            values = column
            values[:place] = float("nan")
        number = value
        values[place] = number
        any_number = any_number or not isnan(number)
        if isnan(number) or -_LARGE < number < _LARGE:
            again = <float>number
            short = short and memcmp(&again, &number, 8) == 0
        else:
            short = False
    return column.astype(_FLOAT32) if short and any_number else column


cdef object _keys(list calls):
    """Checksums of `Call.call_id`."""
    cdef Py_ssize_t place
    keys = _empty(len(calls), _UINT32)
    cdef uint32_t[::1] found = keys
    for place in range(len(calls)):
        call = calls[place]
        stated, request = get(call, _others[2]), get(call, _others[3])
        if stated:
            text = stated
        elif request:
            text = f"{get(call, _others[5])}/{get(call, _others[4]) or ''}/{request}"
        else:
            text = call.call_id
        found[place] = _crc32(text.encode("utf-8", "surrogatepass"))
    return keys
