# cython: language_level=3, boundscheck=True, wraparound=False
"""The calls of a table of lines, as columns.

Optional, as the reader of lines is. What transcript.py, pairing.py, responses.py and calls.py say of lines is done in
_index.h, _pairs.h and _calls.h; what columns.py makes of calls is done here, down to the last bit.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from cpython.unicode cimport PyUnicode_DecodeUTF8
from libc.math cimport NAN, isnan, rint
from libc.stdint cimport int8_t, int32_t, int64_t, uint32_t, uint8_t
from libc.stdio cimport snprintf
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy, memset

from zlib import crc32

import numpy as np

from latprof.formats.claude_code._native cimport *
from latprof.model import LONG_GAP_S
from latprof.trace.columns import LAYOUT

__all__ = ["Calls"]


cdef extern from "_calls.h":
    ctypedef struct BlockRow:
        Id type, name
        double start_at, end_at, result_at
        int64_t characters, tokens, signature

    ctypedef struct CallRow:
        Id message_id, request_id, session_id, version, thread, provider, model, requested_model, project, effort, speed
        Id trigger, sent_source, first_source, last_source, output_source, stop_reason
        double trigger_at, sent_at, first_at, last_at
        int64_t input, read, written, output, reasoning, attempts
        int flags
        int32_t blocks, block_count

    ctypedef struct List:
        int32_t *items
        int32_t count

    ctypedef struct Facts:
        int32_t first_request
        int64_t last_number
        uint8_t referenced, answered

    ctypedef struct Index:
        List request_threads

    ctypedef struct Pairs:
        Index index
        CallRow *calls
        BlockRow *blocks
        int32_t call_count

    int pair_table(Pairs *pairs, Table *table, double long_gap_s)
    void pairs_free(Pairs *pairs)
    Facts *facts_of(const Index *index, Id id)
    uint32_t checksum_of_ids(const Names *names, Id message, Id request)
    void begin_checksums()


# What is made here must be what the Python code beside it makes, however old this file is.
if LAYOUT != (
    "agent agent_version session_id agent_id provider model requested_model project host engineer effort speed_mode "
    "trigger sent_source first_output_source last_output_source output_tokens_source load stop_reason told_by flags "
    "reader",
    "message_id request_id stated_id",
    "trigger_at sent_at headers_at first_output_at last_output_at tool_s",
    "input_tokens cache_read_tokens cache_write_tokens output_tokens reasoning_tokens attempts",
    "start_at end_at result_at",
    "characters tokens signature_characters",
):
    raise ImportError("compiled for another version of latprof")

begin_checksums()
cdef object _empty = np.empty, _INT32 = np.int32, _INT16 = np.int16, _INT8 = np.int8, _FLOAT64 = np.float64, _FLOAT32 = np.float32
cdef object _UINT32 = np.uint32, _crc32 = crc32
cdef double _LONG_GAP_S = LONG_GAP_S
cdef tuple _FLAGS = (
    "interrupted", "retried", "non_streamed", "burst", "server_tools", "multi_iteration", "sidechain", "embedded",
    "timestamp_unreliable", "clock_step", "suspended", "fast",
)


cdef class Calls:
    """The calls of the lines of one file, in the order of their first lines; the lines stay as they are."""

    cdef Pairs _pairs
    cdef Kept _lines
    cdef CallRow *_first
    cdef int32_t _count
    # The numbers of texts in the pool of the columns that are made; -2 for those that have none yet.
    cdef int32_t *_codes
    cdef list _pool

    def __cinit__(self, Kept lines not None):
        self._lines = lines
        self._codes = NULL
        memset(&self._pairs, 0, sizeof(Pairs))
        if pair_table(&self._pairs, &lines.table, _LONG_GAP_S):
            raise MemoryError

    def __dealloc__(self):
        pairs_free(&self._pairs)
        free(self._codes)

    def __len__(self):
        return self._pairs.call_count

    def unanswered(self):
        """Numbers of the lines of requests that no response answers, but for the last ones."""
        cdef Index *index = &self._pairs.index
        cdef Facts *thread
        cdef LineFacts *line
        cdef int32_t item, place
        cdef list found = []
        for item in range(index.request_threads.count):
            thread = facts_of(index, index.request_threads.items[item])
            place = thread.first_request
            while place != NONE:
                line = &self._lines.table.lines[place]
                facts = facts_of(index, line.request_id)
                if not facts.referenced and not facts.answered and line.number < thread.last_number:
                    found.append(line.number)
                place = line.next
        return found

    def columns(self, int32_t start, int32_t end, str reader not None):
        """Of the calls from `start` to `end`: texts of the pool, codes, numbers, ids, checksums of the call ids, numbers
        of blocks, codes and numbers of blocks. Codes are int32, still to be narrowed."""
        cdef BlockRow *blocks = self._pairs.blocks
        cdef int32_t block_count
        if not 0 <= start < end <= self._pairs.call_count:
            raise IndexError("no such calls")
        self._first, self._count = self._pairs.calls + start, end - start
        cdef CallRow *last = self._first + (self._count - 1)
        blocks += self._first.blocks
        block_count = last.blocks + last.block_count - self._first.blocks
        cdef Id[::1] flags = self._flags()
        cdef Id reader_id = self._id(reader)
        self._begin_pool()
        words = _empty((2, block_count), _INT32)
        cdef int32_t[:, ::1] coded = words
        cdef int32_t row
        for row in range(block_count):
            coded[0, row] = self._code(blocks[row].type)
        for row in range(block_count):
            coded[1, row] = self._code(blocks[row].name)
        block_numbers = {}
        _add(block_numbers, "start_at", _times(<char *>&blocks.start_at, sizeof(BlockRow), block_count))
        _add(block_numbers, "end_at", _times(<char *>&blocks.end_at, sizeof(BlockRow), block_count))
        _add(block_numbers, "result_at", _times(<char *>&blocks.result_at, sizeof(BlockRow), block_count))
        _add(block_numbers, "characters", _counts(<char *>&blocks.characters, sizeof(BlockRow), block_count))
        _add(block_numbers, "tokens", _counts(<char *>&blocks.tokens, sizeof(BlockRow), block_count))
        _add(block_numbers, "signature_characters", _counts(<char *>&blocks.signature, sizeof(BlockRow), block_count))
        codes = self._call_codes(flags, reader_id)
        counts = _narrow(<char *>&self._first.block_count, sizeof(CallRow), self._count)
        return (
            tuple(self._pool), codes, self._numbers(), self._ids(), self._keys(), counts, words, block_numbers,
        )

    cdef Id _id(self, str text) except -2:
        return self._lines._put(text)

    cdef Id[::1] _flags(self):
        """The texts of the calls' flags."""
        cdef Id[::1] found = _empty(self._count, _INT32)
        cdef int32_t row
        cdef int flags = 0
        cdef Id id = W_EMPTY
        for row in range(self._count):
            if self._first[row].flags != flags:
                flags = self._first[row].flags
                id = self._id(" ".join([name for place, name in enumerate(_FLAGS) if flags >> <int>place & 1]))
            found[row] = id
        return found

    cdef int _begin_pool(self) except -1:
        cdef int32_t id, count = self._lines.table.names.count
        free(self._codes)
        self._codes = <int32_t *>malloc(<size_t>count * sizeof(int32_t))
        if self._codes == NULL:
            raise MemoryError
        for id in range(count):
            self._codes[id] = -2
        self._pool = []
        return 0

    cdef inline int32_t _code(self, Id id) except -2:
        cdef Name *name
        if id == NONE:
            return -1
        if self._codes[id] == -2:
            name = &self._lines.table.names.names[id]
            self._codes[id] = <int32_t>len(self._pool)
            self._pool.append(PyUnicode_DecodeUTF8(<char *>(self._lines.table.names.bytes + name.at), name.size, NULL))
        return self._codes[id]

    cdef object _call_codes(self, Id[::1] flags, Id reader):
        """In the order of columns.CODED."""
        codes = _empty((22, self._count), _INT32)
        cdef int32_t[:, ::1] rows = codes
        cdef CallRow *first = self._first
        cdef int32_t row
        self._all(rows[0], W_AGENT)
        self._each(rows[1], &first.version)
        self._each(rows[2], &first.session_id)
        self._each(rows[3], &first.thread)
        self._each(rows[4], &first.provider)
        self._each(rows[5], &first.model)
        self._each(rows[6], &first.requested_model)
        self._each(rows[7], &first.project)
        self._all(rows[8], NONE)
        self._all(rows[9], NONE)
        self._each(rows[10], &first.effort)
        self._each(rows[11], &first.speed)
        self._each(rows[12], &first.trigger)
        self._each(rows[13], &first.sent_source)
        self._each(rows[14], &first.first_source)
        self._each(rows[15], &first.last_source)
        self._each(rows[16], &first.output_source)
        self._all(rows[17], NONE)
        self._each(rows[18], &first.stop_reason)
        self._all(rows[19], W_EMPTY)
        for row in range(self._count):
            rows[20, row] = self._code(flags[row])
        self._all(rows[21], reader)
        return codes

    cdef int _all(self, int32_t[::1] codes, Id id) except -1:
        cdef int32_t row, code = self._code(id)
        for row in range(self._count):
            codes[row] = code
        return 0

    cdef int _each(self, int32_t[::1] codes, Id *first) except -1:
        cdef int32_t row
        cdef char *place = <char *>first
        for row in range(self._count):
            codes[row] = self._code((<Id *>(place + <size_t>row * sizeof(CallRow)))[0])
        return 0

    cdef dict _numbers(self):
        cdef CallRow *first = self._first
        cdef dict numbers = {}
        _add(numbers, "trigger_at", _times(<char *>&first.trigger_at, sizeof(CallRow), self._count))
        _add(numbers, "sent_at", _times(<char *>&first.sent_at, sizeof(CallRow), self._count))
        _add(numbers, "first_output_at", _times(<char *>&first.first_at, sizeof(CallRow), self._count))
        _add(numbers, "last_output_at", _times(<char *>&first.last_at, sizeof(CallRow), self._count))
        _add(numbers, "input_tokens", _counts(<char *>&first.input, sizeof(CallRow), self._count))
        _add(numbers, "cache_read_tokens", _counts(<char *>&first.read, sizeof(CallRow), self._count))
        _add(numbers, "cache_write_tokens", _counts(<char *>&first.written, sizeof(CallRow), self._count))
        _add(numbers, "output_tokens", _counts(<char *>&first.output, sizeof(CallRow), self._count))
        _add(numbers, "reasoning_tokens", _counts(<char *>&first.reasoning, sizeof(CallRow), self._count))
        _add(numbers, "attempts", _counts(<char *>&first.attempts, sizeof(CallRow), self._count))
        return numbers

    cdef dict _ids(self):
        """Bytes and lengths of the texts of `Ids`."""
        found = {"message_id": self._texts(&self._first.message_id)}
        request = self._texts(&self._first.request_id)
        if request is not None:
            found["request_id"] = request
        return found

    cdef object _texts(self, Id *first):
        cdef Names *names = &self._lines.table.names
        cdef char *place = <char *>first
        cdef size_t total = 0
        cdef int32_t row
        cdef bint any_text = False
        cdef Id id
        cdef int32_t *sizes = <int32_t *>malloc(<size_t>self._count * sizeof(int32_t))
        if sizes == NULL:
            raise MemoryError
        for row in range(self._count):
            id = (<Id *>(place + <size_t>row * sizeof(CallRow)))[0]
            sizes[row] = -1
            if id != NONE:
                any_text = True
                sizes[row] = <int32_t>names.names[id].size
                total += names.names[id].size
        try:
            lengths = _narrow(<char *>sizes, sizeof(int32_t), self._count) if any_text else None
        finally:
            free(sizes)
        if not any_text:
            return None
        data = PyBytes_FromStringAndSize(NULL, <Py_ssize_t>total)
        cdef char *behind = PyBytes_AS_STRING(data)
        for row in range(self._count):
            id = (<Id *>(place + <size_t>row * sizeof(CallRow)))[0]
            if id != NONE:
                memcpy(behind, names.bytes + names.names[id].at, names.names[id].size)
                behind += names.names[id].size
        return data, lengths

    cdef object _keys(self):
        """Checksums of `Call.call_id`."""
        cdef int32_t row
        cdef CallRow *call
        keys = _empty(self._count, _UINT32)
        cdef uint32_t[::1] found = keys
        for row in range(self._count):
            call = &self._first[row]
            if call.request_id != NONE:
                found[row] = checksum_of_ids(&self._lines.table.names, call.message_id, call.request_id)
            else:
                found[row] = _crc32(self._call_id(call))
        return keys

    cdef bytes _call_id(self, CallRow *call):
        """Of a call without an id of its request."""
        cdef char[32] stamp
        cdef double at = NAN
        stamp[0] = 0
        if call.block_count:
            at = self._pairs.blocks[call.blocks].end_at
        if isnan(at):
            at = call.sent_at if isnan(call.last_at) else call.last_at
        if not isnan(at):
            snprintf(stamp, 32, "%.0f", rint(at * 1000) + 0.0)
        message = self._bytes(call.message_id) or self._bytes(call.session_id) + b":"
        model = b"" if call.model == NONE else self._bytes(call.model)
        return b"claude-code/%b/%b/%b" % (message, model, <bytes>stamp)

    cdef bytes _bytes(self, Id id):
        cdef Name *name = &self._lines.table.names.names[id]
        return (<char *>(self._lines.table.names.bytes + name.at))[:name.size]


cdef int _add(dict columns, str name, object column) except -1:
    if column is not None:
        columns[name] = column
    return 0


cdef object _narrow(char *first, size_t step, Py_ssize_t count):
    """As `narrowed`, of whole numbers from -1 on."""
    cdef Py_ssize_t row
    cdef int32_t most = 0
    cdef int8_t[::1] small
    cdef int32_t[::1] large
    for row in range(count):
        most = max(most, (<int32_t *>(first + <size_t>row * step))[0])
    if most <= 127:
        column = _empty(count, _INT8)
        small = column
        for row in range(count):
            small[row] = <int8_t>(<int32_t *>(first + <size_t>row * step))[0]
        return column
    column = _empty(count, _INT32)
    large = column
    for row in range(count):
        large[row] = (<int32_t *>(first + <size_t>row * step))[0]
    return column.astype(_INT16) if most <= 32767 else column


cdef object _times(char *first, size_t step, Py_ssize_t count):
    """As `numbers_of`."""
    cdef Py_ssize_t row
    cdef double at
    cdef bint any_time = False
    column = _empty(count, _FLOAT64)
    cdef double[::1] values = column
    for row in range(count):
        at = (<double *>(first + <size_t>row * step))[0]
        if isnan(at):
            values[row] = NAN
        else:
            any_time = True
            values[row] = at
    return column if any_time else None


cdef object _counts(char *first, size_t step, Py_ssize_t count):
    """As `counts_of`: in single precision where that is exact to the last bit."""
    cdef Py_ssize_t row
    cdef int64_t number
    cdef bint short = True, any_number = False
    column = _empty(count, _FLOAT64)
    cdef double[::1] values = column
    for row in range(count):
        number = (<int64_t *>(first + <size_t>row * step))[0]
        if number == UNKNOWN:
            values[row] = NAN
            continue
        any_number = True
        values[row] = <double>number
        short = short and <double><float>number == <double>number
    if not any_number:
        return None
    return column.astype(_FLOAT32) if short else column
