# cython: language_level=3, boundscheck=True, wraparound=False, embedsignature=True
"""Lines of a transcript as `line_of` gives them, taken straight from their bytes.

Optional: without it lines.py and parts.py do the same in Python. A line that differs from what agents write, in
whatever way, is left to them, so that what counts as damage, and what an odd value means, is told in one place.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from cpython.ref cimport Py_INCREF
from cpython.tuple cimport PyTuple_SET_ITEM
from cpython.unicode cimport PyUnicode_DecodeUTF8
from libc.stdint cimport int64_t, uint8_t
from libc.string cimport memcmp

from latprof.trace._slots cimport bare, offsets, put

import orjson

from latprof.formats.claude_code import stamps
from latprof.formats.claude_code.lines import Line, LineKind
from latprof.formats.claude_code.parts import NO_USAGE, Part, Usage, json_characters

__all__ = ["Lines"]


cdef extern from "Python.h":
    int PyUnicode_IS_COMPACT_ASCII(object text)
    Py_ssize_t PyUnicode_GET_LENGTH(object text)
    void *PyUnicode_DATA(object text)


cdef extern from "_record.h":
    ctypedef const uint8_t *Place

    ctypedef struct Text:
        Place at
        size_t size
        size_t chars
        int escaped
        int wide

    ctypedef enum Kind:
        V_MISSING, V_NULL, V_FALSE, V_TRUE, V_WHOLE, V_FLOAT, V_TEXT, V_OBJECT, V_ARRAY

    ctypedef struct Value:
        Kind kind
        Place at
        Place end
        int64_t whole
        Text text

    ctypedef struct Measure:
        size_t written
        int odd

    ctypedef struct BlockFacts:
        Value *values
        Measure input

    ctypedef struct UsageFacts:
        Value *values
        int64_t lifetimes
        int64_t thinking
        int64_t iterations
        int tools

    ctypedef struct RecordFacts:
        Value *values
        Value *message
        UsageFacts usage
        Value origin_kind
        Value attachment_type
        Value max_tokens
        Value data_type
        Value data_agent
        int count
        BlockFacts *blocks
        RecordFacts *inner
        int has_inner

    enum:
        R_TYPE, R_TIMESTAMP, R_UUID, R_PARENT, R_AGENT, R_SIDECHAIN, R_SESSION, R_SESSION_OLD, R_VERSION, R_CWD
        R_REQUEST, R_MODEL, R_REFERENCE, R_EFFORT, R_BLOCK_INDEX, R_THINKING_MS, R_TOOL_INPUT_MS, R_API_ERROR
        R_TRUNCATED, R_META, R_COMPANION, R_SUMMARY, R_SOURCE_TOOL, R_INTERRUPTED, R_SUBTYPE, R_RETRY_MS, R_ID
        R_MESSAGE, R_DATA, R_ORIGIN, R_ATTACHMENT, R_PARAMS, R_COUNT
        M_ID, M_MODEL, M_STOP, M_DETAILS, M_CONTENT, M_USAGE
        U_INPUT, U_READ, U_WRITTEN, U_OUTPUT, U_SPEED
        B_TYPE, B_TOOL_USE, B_ID, B_NAME, B_TEXT, B_THINKING, B_SIGNATURE, B_DATA, B_INPUT

    Place scan_line(Place p, Place end, RecordFacts *record) nogil
    int64_t count_of(const Value *value) nogil
    double seconds_of(const Text *text) nogil


# As in lines.LineKind.
cdef enum:
    PROMPT = 1
    TOOL_RESULT = 2
    META = 3
    COMPACT_SUMMARY = 4
    NOTICE = 5
    INTERRUPT = 6
    INTERRUPT_TOOL = 7
    CUT_NOTE = 8
    STOP_HOOK = 9
    RESPONSE = 10
    SYNTHETIC = 11
    API_ERROR = 12
    HOOK = 13
    QUEUED = 14
    REQUEST = 15
    PASSING = 16

# What is compiled here must be what the Python code beside it says, however old this file is.
if (
    " ".join(Line.__slots__)
    != "number kind at uuid parent thread part tool_ids source_tool_id interrupted_id retry_s request_id max_tokens "
    "embedded truncates"
    or " ".join(Part.__slots__)
    != "message_id request_id session_id version project model requested_model stop_reason has_stop_details usage blocks "
    "tool_ids block_index duration_s request_ref effort"
    or " ".join(Usage._fields)
    != "input_tokens cache_read_tokens cache_write_tokens output_tokens thinking_tokens server_tools iterations speed"
    or [value for key, value in vars(LineKind).items() if key.isupper()] != list(range(PROMPT, PASSING + 1))
):
    raise ImportError("compiled for another version of latprof")

# In the order in which the classes have them.
cdef Py_ssize_t[15] _line_slots
cdef Py_ssize_t[16] _part_slots
offsets(_line_slots, Line, " ".join(Line.__slots__))
offsets(_part_slots, Part, " ".join(Part.__slots__))

cdef object _LINE = Line, _PART = Part, _USAGE = Usage, _NO_USAGE = NO_USAGE
cdef object _loads = orjson.loads, _seconds_of = stamps.seconds_of, _json_characters = json_characters
cdef double _LONGEST_WAIT_MS = 86_400_000
cdef str _THINKING = "thinking", _TEXT = "text", _TOOL_USE = "tool_use", _OTHER = "other"


class _Doubt(Exception):
    """A line that has to be decoded in full."""


cdef class Lines:
    """Takes the lines of one file; `default_thread` as for `line_of`."""

    cdef RecordFacts _record, _inner
    cdef object _default_thread
    # The last text of each key, for most of them come again on the next line.
    cdef list _known
    cdef object _last_uuid, _uuid_before

    def __init__(self, default_thread):
        self._default_thread = default_thread
        self._known = [None] * (R_COUNT + 4)
        self._last_uuid = self._uuid_before = None
        self._record.inner = &self._inner
        self._inner.inner = NULL

    def take(self, bytes chunk not None, Py_ssize_t start, Py_ssize_t end, Py_ssize_t number, list lines not None):
        """Add the lines from `start` on, up to the first that is in doubt; `number` is that of the line before.

        A line feed must stand before `end`. Gives the offset behind the last line taken, and its number.
        """
        cdef const uint8_t *first = <const uint8_t *>PyBytes_AS_STRING(chunk)
        cdef Place place, behind, last
        if not 0 <= start <= end <= PyBytes_GET_SIZE(chunk):
            raise IndexError("outside of the chunk")
        place, last = first + start, first + end
        try:
            while place < last:
                behind = scan_line(place, last, &self._record)
                if behind == NULL:
                    break
                line = self._line(&self._record, number + 1)
                number += 1
                place = behind
                if line is not None:
                    lines.append(line)
        except _Doubt:
            pass
        return place - first, number

    cdef object _line(self, RecordFacts *record, Py_ssize_t number):
        """As `line_of` of the record; raises _Doubt."""
        cdef Value *kind = &record.values[R_TYPE]
        if _is(kind, "assistant", 9):
            return self._assistant(record, number, False)
        if _is(kind, "user", 4):
            return self._user(record, number, False)
        if _is(kind, "progress", 8):
            return self._progress(record, number)
        if _is(kind, "system", 6):
            return self._system(record, number)
        if _is(kind, "attachment", 10):
            return self._attachment(record, number)
        if _is(kind, "api-request", 11):
            return self._request(record, number)
        if record.values[R_UUID].kind == V_TEXT and record.values[R_UUID].text.size:
            return self._plain(record, number, PASSING)
        return None

    cdef object _plain(self, RecordFacts *record, Py_ssize_t number, int kind):
        return self._made(record, number, kind, _at(record), None, (), False)

    cdef object _made(
        self, RecordFacts *record, Py_ssize_t number, int kind, object at, object part, object tool_ids, bint embedded
    ):
        """A line; what but few have is left to be set."""
        cdef int place
        line = bare(_LINE, 0)
        put(line, _line_slots[0], number)
        put(line, _line_slots[1], kind)
        put(line, _line_slots[2], at)
        put(line, _line_slots[3], self._uuid(record))
        put(line, _line_slots[4], self._parent(record))
        put(line, _line_slots[5], self._thread(record))
        put(line, _line_slots[6], part)
        put(line, _line_slots[7], tool_ids)
        for place in range(8, 13):
            put(line, _line_slots[place], None)
        put(line, _line_slots[13], embedded)
        put(line, _line_slots[14], False)
        return line

    cdef object _uuid(self, RecordFacts *record):
        self._uuid_before = self._last_uuid
        self._last_uuid = _text(&record.values[R_UUID])
        return self._last_uuid

    cdef object _parent(self, RecordFacts *record):
        """Asked for after the line's own id; mostly the line before."""
        return _like(&record.values[R_PARENT], self._uuid_before)

    cdef object _thread(self, RecordFacts *record):
        agent_id = self._again(R_AGENT, &record.values[R_AGENT])
        if agent_id is not None:
            return agent_id
        if self._default_thread:
            return self._default_thread
        return "" if record.values[R_SIDECHAIN].kind == V_TRUE else None

    cdef object _again(self, int key, Value *value):
        """A text, or None where there is none; the same object as long as it stays the same."""
        known = self._known[key]
        found = _like(value, known)
        if found is not known and found is not None:
            self._known[key] = found
        return found

    cdef object _assistant(self, RecordFacts *record, Py_ssize_t number, bint embedded):
        cdef Value *values = record.values
        if record.values[R_MESSAGE].kind != V_OBJECT:
            raise _Doubt
        if _is(&record.message[M_MODEL], "<synthetic>", 11) or values[R_API_ERROR].kind == V_TRUE:
            if values[R_TRUNCATED].kind > V_TRUE:
                raise _Doubt
            line = self._made(record, number, SYNTHETIC, _at(record), None, (), embedded)
            line.truncates = values[R_TRUNCATED].kind == V_TRUE
            return line
        at = _at(record)
        if at is None:
            raise _Doubt
        return self._made(record, number, RESPONSE, at, self._part(record), (), embedded)

    cdef object _part(self, RecordFacts *record):
        cdef Value *values = record.values
        cdef Value *message = record.message
        cdef list tool_ids = []
        cdef Py_ssize_t *slots = _part_slots
        cdef int64_t index
        message_id = self._again(R_ID, &message[M_ID])
        if message_id is None:
            raise _Doubt
        blocks = self._blocks(record, tool_ids)
        session_id = self._again(R_SESSION, &values[R_SESSION])
        if session_id is None:
            session_id = _text(&values[R_SESSION_OLD])
        index = count_of(&values[R_BLOCK_INDEX])
        part = bare(_PART, 0)
        put(part, slots[0], message_id)
        put(part, slots[1], self._again(R_REQUEST, &values[R_REQUEST]))
        put(part, slots[2], session_id)
        put(part, slots[3], self._again(R_VERSION, &values[R_VERSION]))
        put(part, slots[4], self._again(R_CWD, &values[R_CWD]))
        put(part, slots[5], self._again(R_COUNT, &message[M_MODEL]))
        put(part, slots[6], _text(&values[R_MODEL]))
        put(part, slots[7], self._again(R_COUNT + 1, &message[M_STOP]))
        put(part, slots[8], message[M_DETAILS].kind != V_MISSING)
        put(part, slots[9], self._usage(record))
        put(part, slots[10], blocks)
        put(part, slots[11], tuple(tool_ids) if tool_ids else ())
        put(part, slots[12], index if index >= 0 else None)
        put(part, slots[13], _duration_s(values))
        put(part, slots[14], _text(&values[R_REFERENCE]))
        put(part, slots[15], self._again(R_EFFORT, &values[R_EFFORT]))
        return part

    cdef object _blocks(self, RecordFacts *record, list tool_ids):
        cdef int place
        cdef Value *values
        cdef list blocks
        if record.count == 1:
            return (self._block(&record.blocks[0], tool_ids),)
        blocks = [self._block(&record.blocks[place], tool_ids) for place in range(record.count)]
        return tuple(blocks)

    cdef object _block(self, BlockFacts *block, list tool_ids):
        cdef Value *values = block.values
        cdef Value *kind = &values[B_TYPE]
        if _is(kind, "tool_use", 8) or _is(kind, "server_tool_use", 15) or _is(kind, "mcp_tool_use", 12):
            if values[B_ID].kind != V_TEXT:
                raise _Doubt
            tool_ids.append(_any_text(&values[B_ID].text))
            return (_TOOL_USE, _characters(block), None, self._again(R_COUNT + 2, &values[B_NAME]))
        if _is(kind, "text", 4):
            return (_TEXT, values[B_TEXT].text.chars if values[B_TEXT].kind == V_TEXT else None, None, None)
        if _is(kind, "thinking", 8) or _is(kind, "redacted_thinking", 17):
            signed = _size(&values[B_SIGNATURE])
            return (
                _THINKING, _size(&values[B_THINKING]), signed if signed is not None else _size(&values[B_DATA]), None
            )
        return (_OTHER, None, None, None)

    cdef object _usage(self, RecordFacts *record):
        cdef UsageFacts *usage = &record.usage
        cdef int64_t written
        if record.message[M_USAGE].kind != V_OBJECT:
            return _NO_USAGE
        written = count_of(&usage.values[U_WRITTEN])
        if usage.lifetimes and usage.lifetimes > written:
            written = usage.lifetimes
        made = bare(_USAGE, 8)
        _set(made, 0, _count(count_of(&usage.values[U_INPUT])))
        _set(made, 1, _count(count_of(&usage.values[U_READ])))
        _set(made, 2, _count(written))
        _set(made, 3, _count(count_of(&usage.values[U_OUTPUT])))
        _set(made, 4, _count(usage.thinking))
        _set(made, 5, usage.tools != 0)
        _set(made, 6, usage.iterations)
        _set(made, 7, self._again(R_COUNT + 3, &usage.values[U_SPEED]))
        return made

    cdef object _user(self, RecordFacts *record, Py_ssize_t number, bint embedded):
        cdef Value *values = record.values
        cdef Value *content = &record.message[M_CONTENT]
        cdef Value *text = NULL
        cdef BlockFacts *block
        cdef int place
        cdef list tool_ids = []
        if values[R_MESSAGE].kind == V_OBJECT:
            if content.kind == V_TEXT:
                text = content
            for place in range(record.count):
                block = &record.blocks[place]
                if _is(&block.values[B_TYPE], "tool_result", 11):
                    if block.values[B_TOOL_USE].kind != V_TEXT:
                        raise _Doubt
                    tool_ids.append(_any_text(&block.values[B_TOOL_USE].text))
                elif text == NULL and _is(&block.values[B_TYPE], "text", 4):
                    if block.values[B_TEXT].kind == V_TEXT and block.values[B_TEXT].text.size:
                        text = &block.values[B_TEXT]
        kind = _user_kind(record, text, len(tool_ids) > 0)
        line = self._made(record, number, kind, _at(record), None, tuple(tool_ids) if tool_ids else (), embedded)
        if _is_some(&values[R_SOURCE_TOOL]):
            line.source_tool_id = _text(&values[R_SOURCE_TOOL])
        if _is_some(&values[R_INTERRUPTED]):
            line.interrupted_id = _text(&values[R_INTERRUPTED])
        return line

    cdef object _progress(self, RecordFacts *record, Py_ssize_t number):
        cdef RecordFacts *inner = record.inner
        cdef int place
        cdef Value *kind
        if record.values[R_DATA].kind != V_OBJECT:
            return self._plain(record, number, PASSING)
        if record.has_inner and _is(&record.data_type, "agent_progress", 14) and _is_some(&record.data_agent):
            kind = &inner.values[R_TYPE]
            if kind.kind > V_TEXT:
                raise _Doubt
            for place in (R_SESSION, R_VERSION, R_CWD):
                if inner.values[place].kind == V_MISSING:
                    inner.values[place] = record.values[place]
            inner.values[R_AGENT] = record.data_agent
            if _is(kind, "user", 4):
                return self._user(inner, number, True)
            if _is(kind, "assistant", 9):
                return self._assistant(inner, number, True)
        return self._plain(record, number, HOOK if _is(&record.data_type, "hook_progress", 13) else PASSING)

    cdef object _system(self, RecordFacts *record, Py_ssize_t number):
        cdef Value *wait = &record.values[R_RETRY_MS]
        cdef double wait_ms = 0
        if not _is(&record.values[R_SUBTYPE], "api_error", 9):
            return self._plain(record, number, PASSING)
        if wait.kind == V_FALSE or wait.kind == V_TRUE:
            raise _Doubt
        line = self._plain(record, number, API_ERROR)
        if wait.kind == V_WHOLE:
            wait_ms = <double>wait.whole
        elif wait.kind == V_FLOAT:
            wait_ms = _float(wait)
        line.retry_s = wait_ms / 1000 if 0 <= wait_ms <= _LONGEST_WAIT_MS else 0.0
        return line

    cdef object _attachment(self, RecordFacts *record, Py_ssize_t number):
        cdef int kind = PASSING
        if record.values[R_ATTACHMENT].kind == V_OBJECT and record.attachment_type.kind == V_TEXT:
            if _starts(&record.attachment_type.text, "hook_", 5):
                kind = HOOK
            elif _is(&record.attachment_type, "queued_command", 14):
                kind = QUEUED
        return self._plain(record, number, kind)

    cdef object _request(self, RecordFacts *record, Py_ssize_t number):
        cdef Value *limit = &record.max_tokens
        if limit.kind == V_FALSE or limit.kind == V_TRUE:
            raise _Doubt
        line = self._plain(record, number, REQUEST)
        line.request_id = _text(&record.values[R_ID])
        if limit.kind == V_WHOLE:
            line.max_tokens = limit.whole
        return line if line.request_id is not None and line.at is not None else None


cdef inline void _set(object made, Py_ssize_t place, object value):
    Py_INCREF(value)
    PyTuple_SET_ITEM(made, place, value)


cdef inline object _count(int64_t count):
    return None if count < 0 else count


cdef inline bint _is_some(Value *value):
    return value.kind == V_TEXT and value.text.size > 0


cdef inline bint _is(Value *value, const char *word, size_t size) except -1:
    if value.kind != V_TEXT:
        return False
    if value.text.escaped:
        raise _Doubt
    return value.text.size == size and memcmp(value.text.at, word, size) == 0


cdef bint _starts(Text *text, const char *word, size_t size) except -1:
    """Whether a text starts with a word of plain letters."""
    cdef size_t place
    for place in range(size):
        if place == text.size:
            return False
        if text.at[place] != <uint8_t>word[place]:
            if place + 5 < text.size and memcmp(text.at + place, b"\\u00", 4) == 0 and text.at[place + 4] < b"8":
                # A plain letter may be written so.
                raise _Doubt
            return False
    return True


cdef object _any_text(Text *text):
    if text.escaped:
        return _loads((<const char *>(text.at - 1))[:text.size + 2])
    return PyUnicode_DecodeUTF8(<const char *>text.at, text.size, NULL)


cdef inline object _text(Value *value):
    """A text that is not empty, or None."""
    return _any_text(&value.text) if value.kind == V_TEXT and value.text.size else None


cdef inline object _like(Value *value, object known):
    """The same; `known` itself where it is that text."""
    if value.kind != V_TEXT or not value.text.size:
        return None
    if (
        known is not None
        and not value.text.escaped
        and PyUnicode_IS_COMPACT_ASCII(known)
        and <size_t>PyUnicode_GET_LENGTH(known) == value.text.size
        and memcmp(PyUnicode_DATA(known), value.text.at, value.text.size) == 0
    ):
        return known
    return _any_text(&value.text)


cdef inline object _size(Value *value):
    return value.text.chars if value.kind == V_TEXT and value.text.size else None


cdef object _at(RecordFacts *record):
    cdef Value *stamp = &record.values[R_TIMESTAMP]
    cdef double at
    if stamp.kind != V_TEXT:
        return None
    at = seconds_of(&stamp.text)
    return at if at >= 0 else _seconds_of(_any_text(&stamp.text))


cdef double _float(Value *value):
    return float((<const char *>value.at)[:value.end - value.at])


cdef object _duration_s(Value *values):
    cdef int key
    cdef Value *value
    for key in (R_THINKING_MS, R_TOOL_INPUT_MS):
        value = &values[key]
        if value.kind == V_WHOLE and value.whole >= 0:
            return value.whole / 1000 if value.whole < 1 << 53 else <object>value.whole / 1000
        if value.kind == V_FLOAT:
            duration_ms = _float(value)
            if duration_ms >= 0:
                return duration_ms / 1000
    return None


cdef object _characters(BlockFacts *block):
    cdef Value *value = &block.values[B_INPUT]
    if value.kind == V_MISSING or value.kind == V_NULL:
        return None
    if block.input.odd:
        return _json_characters(_loads((<const char *>value.at)[:value.end - value.at]))
    return block.input.written


cdef int _user_kind(RecordFacts *record, Value *text, bint has_results) except -1:
    cdef Value *values = record.values
    cdef bint is_meta = values[R_META].kind == V_TRUE
    if text != NULL and _starts(&text.text, "Your response above was cut off mid-stream", 42):
        return CUT_NOTE
    if is_meta and values[R_COMPANION].kind == V_TRUE:
        return CUT_NOTE
    if has_results:
        return TOOL_RESULT
    if values[R_SUMMARY].kind == V_TRUE:
        return COMPACT_SUMMARY
    if text != NULL:
        if _starts(&text.text, "[Request interrupted by user for tool use", 41):
            return INTERRUPT_TOOL
        if _starts(&text.text, "[Request interrupted by user", 28):
            return INTERRUPT
        if _starts(&text.text, "<task-notification", 18) or _starts(&text.text, "<teammate-message", 17):
            return NOTICE
    if values[R_ORIGIN].kind == V_OBJECT and _is(&record.origin_kind, "task-notification", 17):
        return NOTICE
    if is_meta:
        return STOP_HOOK if text != NULL and _starts(&text.text, "Stop hook feedback", 18) else META
    return PROMPT
