# cython: language_level=3, boundscheck=True, wraparound=False, embedsignature=True
"""Lines of a transcript as `line_of` gives them, taken straight from their bytes.

Optional: without it lines.py and parts.py do the same in Python. A line that differs from what agents write, in
whatever way, is left to them, so that what counts as damage, and what an odd value means, is told in one place.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from cpython.unicode cimport PyUnicode_AsUTF8AndSize, PyUnicode_DecodeUTF8
from libc.math cimport NAN, isnan
from libc.stdint cimport int64_t, uint8_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcmp

import orjson

__all__ = ["LAYOUT", "Kept", "Lines", "address_of", "use_wide_registers"]


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
    bint scan_wide_registers(bint wanted)


# To be compared with what the Python code has, however old this file is.
LAYOUT = (
    "number kind at uuid parent thread part tool_ids source_tool_id interrupted_id retry_s request_id max_tokens "
    "embedded truncates",
    "message_id request_id session_id version project model requested_model stop_reason has_stop_details usage blocks "
    "tool_ids block_index duration_s request_ref effort",
    "input_tokens cache_read_tokens cache_write_tokens output_tokens thinking_tokens server_tools iterations speed",
    PASSING,
)
if R_COUNT + 4 > 40:
    raise ImportError("compiled without room for all keys")

cdef object _loads = orjson.loads
cdef double _LONGEST_WAIT_MS = 86_400_000
cdef tuple _TYPES = ("thinking", "text", "tool_use", "other")
cdef uint64_t _SEED = <uint64_t>(<int64_t>hash("latprof"))

# The last text of each key, for most of them come again on the next line; its bytes as they are in the file.
ctypedef struct Known:
    Id id
    size_t at, size
    int escaped


scan_wide_registers(True)


def use_wide_registers(bint wanted):
    """Look at 32 bytes at a time if that is wanted and this machine can; whether it does. It can unless told."""
    return scan_wide_registers(wanted)


# What a line is looked at with is large, and the files are many.
cdef RecordFacts *_spare = NULL


def address_of(const uint8_t[::1] buffer not None):
    """Where its bytes lie in memory."""
    return <size_t>&buffer[0] if len(buffer) else 0


class _Doubt(Exception):
    """A line that has to be decoded in full."""


cdef class Kept:
    """What is kept of some lines."""

    def __cinit__(self, *_):
        if table_begin(&self.table, _SEED):
            raise MemoryError

    def __dealloc__(self):
        table_free(&self.table)

    def __len__(self):
        return self.table.line_count

    cdef Id _put(self, str text) except -2:
        cdef Py_ssize_t size
        cdef const char *found = PyUnicode_AsUTF8AndSize(text, &size)
        return self._number(<const uint8_t *>found, size)

    cdef Id _number(self, const uint8_t *text, size_t size) except -2:
        cdef Id id = id_of(&self.table.names, text, size)
        if id == NONE:
            raise MemoryError
        return id


cdef class Lines(Kept):
    """Takes the lines of one file; `default_thread` as for `line_of`."""

    cdef RecordFacts *_record
    cdef Known[40] _known
    cdef Id _default_thread, _last_uuid, _uuid_before

    def __cinit__(self, default_thread):
        global _spare
        self._record, _spare = _spare, NULL
        if self._record == NULL:
            self._record = <RecordFacts *>malloc(2 * sizeof(RecordFacts))
        if self._record == NULL:
            raise MemoryError
        self._record.inner = self._record + 1
        self._record.inner.inner = NULL

    def __dealloc__(self):
        global _spare
        free(_spare)
        _spare = self._record

    def __init__(self, default_thread):
        cdef int key
        for key in range(R_COUNT + 4):
            self._known[key].id = NONE
        self._last_uuid = self._uuid_before = NONE
        self._default_thread = self._put(default_thread) if default_thread else NONE

    def take(self, const uint8_t[::1] chunk not None, Py_ssize_t start, Py_ssize_t end, int64_t number):
        """Add the lines from `start` on, up to the first that is in doubt; `number` is that of the line before.

        A line feed must stand before `end`. Gives the offset behind the last line taken, and its number.
        """
        cdef Place first, place, behind, last
        if not 0 <= start <= end <= len(chunk):
            raise IndexError("outside of the chunk")
        if start == end:
            return start, number
        first = &chunk[0]
        place, last = first + start, first + end
        cdef int32_t parts, blocks, tools
        while place < last:
            behind = scan_line(place, last, self._record)
            if behind == NULL:
                break
            parts, blocks, tools = self.table.part_count, self.table.block_count, self.table.tool_count
            try:
                self._line(self._record, number + 1)
            except _Doubt:
                self.table.part_count, self.table.block_count, self.table.tool_count = parts, blocks, tools
                break
            number += 1
            place = behind
        return place - first, number

    cdef int _line(self, RecordFacts *record, int64_t number) except -1:
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
        if _is_some(&record.values[R_UUID]):
            return self._plain(record, number, PASSING)
        return 0

    cdef int _plain(self, RecordFacts *record, int64_t number, int kind) except -1:
        self._made(record, number, kind, False)
        self.table.line_count += 1
        return 0

    cdef LineFacts *_made(self, RecordFacts *record, int64_t number, int kind, bint embedded) except NULL:
        """A line that is not counted yet; what but few have is left to be set."""
        cdef LineFacts *line = new_line(&self.table)
        if line == NULL:
            raise MemoryError
        line.number = number
        line.kind = kind
        line.at = _at(record)
        line.uuid = self._uuid(record)
        line.parent = self._parent(record)
        line.thread = self._thread(record)
        line.embedded = embedded
        return line

    cdef Id _any(self, Text *text) except -2:
        if text.escaped:
            return self._put(_loads((<const char *>(text.at - 1))[:text.size + 2]))
        return self._number(text.at, text.size)

    cdef Id _text(self, Value *value) except -2:
        """A text that is not empty, or NONE."""
        return self._any(&value.text) if value.kind == V_TEXT and value.text.size else NONE

    cdef Id _uuid(self, RecordFacts *record) except -2:
        self._uuid_before = self._last_uuid
        self._last_uuid = self._text(&record.values[R_UUID])
        return self._last_uuid

    cdef Id _parent(self, RecordFacts *record) except -2:
        """Asked for after the line's own id; mostly the line before."""
        cdef Value *value = &record.values[R_PARENT]
        cdef Name *name
        if value.kind == V_TEXT and not value.text.escaped and self._uuid_before != NONE:
            name = &self.table.names.names[self._uuid_before]
            if name.size == value.text.size and memcmp(self.table.names.bytes + name.at, value.text.at, name.size) == 0:
                return self._uuid_before
        return self._text(value)

    cdef Id _thread(self, RecordFacts *record) except -2:
        cdef Id agent_id = self._again(R_AGENT, &record.values[R_AGENT])
        if agent_id != NONE:
            return agent_id
        if self._default_thread != NONE:
            return self._default_thread
        return W_EMPTY if record.values[R_SIDECHAIN].kind == V_TRUE else NONE

    cdef Id _again(self, int key, Value *value) except -2:
        """As `_text`, quicker as long as it stays the same."""
        cdef Known *known = &self._known[key]
        cdef Text *text = &value.text
        if value.kind != V_TEXT or not text.size:
            return NONE
        if (
            known.id != NONE
            and known.size == text.size
            and known.escaped == text.escaped
            and memcmp(self.table.names.bytes + known.at, text.at, text.size) == 0
        ):
            return known.id
        known.id = self._any(text)
        known.size, known.escaped = text.size, text.escaped
        known.at = self.table.names.names[known.id].at
        if text.escaped:
            known.at = put_down(&self.table.names, text.at, text.size)
            if known.at == <size_t>-1:
                known.id = NONE
                raise MemoryError
        return known.id

    cdef int _assistant(self, RecordFacts *record, int64_t number, bint embedded) except -1:
        cdef Value *values = record.values
        cdef LineFacts *line
        if record.values[R_MESSAGE].kind != V_OBJECT:
            raise _Doubt
        if _is(&record.message[M_MODEL], "<synthetic>", 11) or values[R_API_ERROR].kind == V_TRUE:
            if values[R_TRUNCATED].kind > V_TRUE:
                raise _Doubt
            line = self._made(record, number, SYNTHETIC, embedded)
            line.truncates = values[R_TRUNCATED].kind == V_TRUE
        else:
            line = self._made(record, number, RESPONSE, embedded)
            if isnan(line.at):
                raise _Doubt
            self._add_part(record)
            line.part = self.table.part_count
            self.table.part_count += 1
        self.table.line_count += 1
        return 0

    cdef int _add_part(self, RecordFacts *record) except -1:
        """The part behind the others, which is not counted yet."""
        cdef Value *values = record.values
        cdef Value *message = record.message
        cdef PartFacts *part = new_part(&self.table)
        cdef int place
        if part == NULL:
            raise MemoryError
        part.message_id = self._again(R_ID, &message[M_ID])
        if part.message_id == NONE:
            raise _Doubt
        for place in range(record.count):
            self._add_block(&record.blocks[place])
        part.block_count = record.count
        part.tool_count = self.table.tool_count - part.tools
        part.request_id = self._again(R_REQUEST, &values[R_REQUEST])
        part.session_id = self._again(R_SESSION, &values[R_SESSION])
        if part.session_id == NONE:
            part.session_id = self._text(&values[R_SESSION_OLD])
        part.version = self._again(R_VERSION, &values[R_VERSION])
        part.project = self._again(R_CWD, &values[R_CWD])
        part.model = self._again(R_COUNT, &message[M_MODEL])
        part.requested_model = self._text(&values[R_MODEL])
        part.stop_reason = self._again(R_COUNT + 1, &message[M_STOP])
        part.has_stop_details = message[M_DETAILS].kind != V_MISSING
        part.block_index = _known(count_of(&values[R_BLOCK_INDEX]))
        part.duration_s = _duration_s(values)
        part.request_ref = self._text(&values[R_REFERENCE])
        part.effort = self._again(R_EFFORT, &values[R_EFFORT])
        return self._set_usage(record, &part.usage)

    cdef int _add_block(self, BlockFacts *block) except -1:
        cdef Value *values = block.values
        cdef Value *kind = &values[B_TYPE]
        cdef BlockFact *fact = new_block(&self.table)
        if fact == NULL:
            raise MemoryError
        fact.type, fact.name, fact.characters, fact.signature = W_OTHER, NONE, UNKNOWN, UNKNOWN
        if _is(kind, "tool_use", 8) or _is(kind, "server_tool_use", 15) or _is(kind, "mcp_tool_use", 12):
            if values[B_ID].kind != V_TEXT:
                raise _Doubt
            fact.type = W_TOOL_USE
            fact.characters = _characters(block)
            fact.name = self._again(R_COUNT + 2, &values[B_NAME])
            return self._add_tool(&values[B_ID].text)
        if _is(kind, "text", 4):
            fact.type = W_TEXT
            if values[B_TEXT].kind == V_TEXT:
                fact.characters = <int64_t>values[B_TEXT].text.chars
        elif _is(kind, "thinking", 8) or _is(kind, "redacted_thinking", 17):
            fact.type = W_THINKING
            fact.characters = _size(&values[B_THINKING])
            fact.signature = _size(&values[B_SIGNATURE])
            if fact.signature == UNKNOWN:
                fact.signature = _size(&values[B_DATA])
        return 0

    cdef int _add_tool(self, Text *text) except -1:
        if add_tool(&self.table, self._any(text)):
            raise MemoryError
        return 0

    cdef int _set_usage(self, RecordFacts *record, TokenCounts *counts) except -1:
        cdef UsageFacts *usage = &record.usage
        cdef int64_t written = count_of(&usage.values[U_WRITTEN])
        counts.input = counts.read = counts.written = counts.output = counts.thinking = UNKNOWN
        counts.speed = NONE
        if record.message[M_USAGE].kind != V_OBJECT:
            return 0
        counts.input = _known(count_of(&usage.values[U_INPUT]))
        counts.read = _known(count_of(&usage.values[U_READ]))
        counts.written = _known(usage.lifetimes if usage.lifetimes and usage.lifetimes > written else written)
        counts.output = _known(count_of(&usage.values[U_OUTPUT]))
        counts.thinking = _known(usage.thinking)
        counts.tools = usage.tools != 0
        counts.iterations = usage.iterations
        counts.speed = self._again(R_COUNT + 3, &usage.values[U_SPEED])
        return 0

    cdef int _user(self, RecordFacts *record, int64_t number, bint embedded) except -1:
        cdef Value *values = record.values
        cdef Value *content = &record.message[M_CONTENT]
        cdef Value *text = NULL
        cdef BlockFacts *block
        cdef int place
        cdef int32_t tools = self.table.tool_count
        cdef LineFacts *line
        if values[R_MESSAGE].kind == V_OBJECT:
            if content.kind == V_TEXT:
                text = content
            for place in range(record.count):
                block = &record.blocks[place]
                if _is(&block.values[B_TYPE], "tool_result", 11):
                    if block.values[B_TOOL_USE].kind != V_TEXT:
                        raise _Doubt
                    self._add_tool(&block.values[B_TOOL_USE].text)
                elif text == NULL and _is(&block.values[B_TYPE], "text", 4) and _is_some(&block.values[B_TEXT]):
                    text = &block.values[B_TEXT]
        line = self._made(record, number, _user_kind(record, text, self.table.tool_count > tools), embedded)
        line.tools, line.tool_count = tools, self.table.tool_count - tools
        line.source_tool_id = self._text(&values[R_SOURCE_TOOL])
        line.interrupted_id = self._text(&values[R_INTERRUPTED])
        self.table.line_count += 1
        return 0

    cdef int _progress(self, RecordFacts *record, int64_t number) except -1:
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

    cdef int _system(self, RecordFacts *record, int64_t number) except -1:
        cdef Value *wait = &record.values[R_RETRY_MS]
        cdef double wait_ms = 0
        cdef LineFacts *line
        if not _is(&record.values[R_SUBTYPE], "api_error", 9):
            return self._plain(record, number, PASSING)
        if wait.kind == V_FALSE or wait.kind == V_TRUE:
            raise _Doubt
        line = self._made(record, number, API_ERROR, False)
        if wait.kind == V_WHOLE:
            wait_ms = <double>wait.whole
        elif wait.kind == V_FLOAT:
            wait_ms = _float(wait)
        line.retry_s = wait_ms / 1000 if 0 <= wait_ms <= _LONGEST_WAIT_MS else 0.0
        self.table.line_count += 1
        return 0

    cdef int _attachment(self, RecordFacts *record, int64_t number) except -1:
        cdef int kind = PASSING
        if record.values[R_ATTACHMENT].kind == V_OBJECT and record.attachment_type.kind == V_TEXT:
            if _starts(&record.attachment_type.text, "hook_", 5):
                kind = HOOK
            elif _is(&record.attachment_type, "queued_command", 14):
                kind = QUEUED
        return self._plain(record, number, kind)

    cdef int _request(self, RecordFacts *record, int64_t number) except -1:
        cdef Value *limit = &record.max_tokens
        cdef LineFacts *line
        if limit.kind == V_FALSE or limit.kind == V_TRUE:
            raise _Doubt
        line = self._made(record, number, REQUEST, False)
        line.request_id = self._text(&record.values[R_ID])
        if limit.kind == V_WHOLE:
            line.max_tokens = limit.whole
        if line.request_id != NONE and not isnan(line.at):
            self.table.line_count += 1
        return 0

    def extend(self, rows not None):
        """Add lines from what `packed` gives. Raises ValueError or OverflowError where one has no place here."""
        cdef int32_t parts, blocks, tools
        for row in rows:
            parts, blocks, tools = self.table.part_count, self.table.block_count, self.table.tool_count
            try:
                self._append(row)
            except Exception:
                self.table.part_count, self.table.block_count, self.table.tool_count = parts, blocks, tools
                raise

    cdef int _append(self, tuple row) except -1:
        cdef LineFacts *made = new_line(&self.table)
        if made == NULL:
            raise MemoryError
        (
            number, kind, at, uuid, parent, thread, part, tool_ids, source_tool_id, interrupted_id, retry_s, request_id,
            max_tokens, embedded, truncates,
        ) = row
        made.number, made.kind, made.embedded, made.truncates = number, kind, embedded, truncates
        made.at, made.retry_s, made.max_tokens = _or_nan(at), _or_nan(retry_s), _or_unknown(max_tokens)
        made.uuid, made.parent, made.thread = self._of(uuid), self._of(parent), self._of(thread)
        made.source_tool_id, made.interrupted_id = self._of(source_tool_id), self._of(interrupted_id)
        made.request_id = self._of(request_id)
        if not PROMPT <= made.kind <= PASSING or (made.kind == REQUEST and made.request_id == NONE):
            raise ValueError("no such line")
        made.tool_count = self._append_tools(tool_ids)
        if part is not None:
            self._append_part(part)
            made.part = self.table.part_count
            self.table.part_count += 1
        self.table.line_count += 1
        return 0

    cdef int _append_tools(self, tuple tool_ids) except -1:
        for tool_id in tool_ids:
            if add_tool(&self.table, self._put(tool_id)):
                raise MemoryError
        return <int>len(tool_ids)

    cdef int _append_part(self, tuple row) except -1:
        cdef PartFacts *made = new_part(&self.table)
        if made == NULL:
            raise MemoryError
        (
            message_id, request_id, session_id, version, project, model, requested_model, stop_reason, has_stop_details,
            usage, blocks, tool_ids, block_index, duration_s, request_ref, effort,
        ) = row
        made.message_id, made.request_id = self._put(message_id), self._of(request_id)
        made.session_id, made.version, made.project = self._of(session_id), self._of(version), self._of(project)
        made.model, made.requested_model = self._of(model), self._of(requested_model)
        made.stop_reason, made.has_stop_details = self._of(stop_reason), has_stop_details
        made.request_ref, made.effort = self._of(request_ref), self._of(effort)
        made.block_index, made.duration_s = _or_unknown(block_index), _or_nan(duration_s)
        made.tool_count = self._append_tools(tool_ids)
        for block in blocks:
            self._append_block(block)
        made.block_count = self.table.block_count - made.blocks
        fresh, read, written, output, thinking, tools, iterations, speed = usage
        made.usage.input, made.usage.read, made.usage.written = _or_unknown(fresh), _or_unknown(read), _or_unknown(written)
        made.usage.output, made.usage.thinking = _or_unknown(output), _or_unknown(thinking)
        made.usage.tools, made.usage.iterations, made.usage.speed = tools, iterations, self._of(speed)
        return 0

    cdef int _append_block(self, tuple block) except -1:
        kind, characters, signature, name = block
        cdef BlockFact *fact = new_block(&self.table)
        if fact == NULL:
            raise MemoryError
        fact.type = W_THINKING + _TYPES.index(kind)
        fact.name, fact.characters, fact.signature = self._of(name), _or_unknown(characters), _or_unknown(signature)
        return 0

    cdef Id _of(self, text) except -2:
        return NONE if text is None else self._put(text)

    def clear(self):
        """Forget the lines."""
        self.table.line_count = self.table.part_count = self.table.block_count = self.table.tool_count = 0

    def state(self, int64_t last=2**62):
        """The lines up to the one with this number as bytes, for `restore` on the same machine."""
        cdef State state = state_of(&self.table, last)
        cdef bytes found = PyBytes_FromStringAndSize(NULL, <Py_ssize_t>state_size(&state))
        state_write(&self.table, &state, <uint8_t *>PyBytes_AS_STRING(found))
        return found

    def restore(self, bytes state not None):
        """Take what `state` gave, as the first lines. Raises ValueError for anything else."""
        if self.table.line_count or self.table.part_count or self.table.block_count or self.table.tool_count:
            raise ValueError("there are lines already")
        self.join(state, 0)

    def join(self, bytes state not None, int64_t before):
        """Take what `state` gave of a later part of the same file, before which there are so many lines.

        Raises ValueError for anything else.
        """
        cdef int done = state_join(&self.table, <const uint8_t *>PyBytes_AS_STRING(state), len(state), before)
        if done < 0:
            raise MemoryError
        if not done:
            raise ValueError("not the lines of a log")

    def rows(self, int64_t last=2**62):
        """The lines up to the one with this number, as `packed` gives them; equal texts are one object."""
        cdef int32_t place
        cdef list texts = [None] * self.table.names.count
        return [
            self._row(&self.table.lines[place], texts)
            for place in range(self.table.line_count)
            if self.table.lines[place].number <= last
        ]

    cdef tuple _row(self, LineFacts *line, list texts):
        return (
            line.number, line.kind, _none_or(line.at), self._as_text(line.uuid, texts), self._as_text(line.parent, texts),
            self._as_text(line.thread, texts),
            None if line.part == NONE else self._part_row(&self.table.parts[line.part], texts),
            self._as_tools(line.tools, line.tool_count, texts), self._as_text(line.source_tool_id, texts),
            self._as_text(line.interrupted_id, texts), _none_or(line.retry_s), self._as_text(line.request_id, texts),
            _none_or_count(line.max_tokens), line.embedded != 0, line.truncates != 0,
        )

    cdef tuple _part_row(self, PartFacts *part, list texts):
        cdef TokenCounts *usage = &part.usage
        cdef int32_t place
        return (
            self._as_text(part.message_id, texts), self._as_text(part.request_id, texts),
            self._as_text(part.session_id, texts), self._as_text(part.version, texts),
            self._as_text(part.project, texts), self._as_text(part.model, texts),
            self._as_text(part.requested_model, texts), self._as_text(part.stop_reason, texts),
            part.has_stop_details != 0,
            (
                _none_or_count(usage.input), _none_or_count(usage.read), _none_or_count(usage.written),
                _none_or_count(usage.output), _none_or_count(usage.thinking), usage.tools != 0, usage.iterations,
                self._as_text(usage.speed, texts),
            ),
            tuple([self._block_row(&self.table.blocks[part.blocks + place], texts) for place in range(part.block_count)]),
            self._as_tools(part.tools, part.tool_count, texts), _none_or_count(part.block_index),
            _none_or(part.duration_s), self._as_text(part.request_ref, texts), self._as_text(part.effort, texts),
        )

    cdef tuple _block_row(self, BlockFact *block, list texts):
        return (
            _TYPES[block.type - W_THINKING], _none_or_count(block.characters), _none_or_count(block.signature),
            self._as_text(block.name, texts),
        )

    cdef tuple _as_tools(self, int32_t first, int32_t count, list texts):
        cdef int32_t place
        if not count:
            return ()
        return tuple([self._as_text(self.table.tools[first + place], texts) for place in range(count)])

    cdef object _as_text(self, Id id, list texts):
        cdef Name *name
        if id == NONE:
            return None
        text = texts[id]
        if text is None:
            name = &self.table.names.names[id]
            text = texts[id] = PyUnicode_DecodeUTF8(<const char *>(self.table.names.bytes + name.at), name.size, NULL)
        return text


cdef inline int64_t _known(int64_t count):
    return UNKNOWN if count < 0 else count


cdef double _or_nan(number) except? -1:
    return NAN if number is None else number


cdef int64_t _or_unknown(count) except? -1:
    cdef int64_t found
    if count is None:
        return UNKNOWN
    found = count
    if found == UNKNOWN:
        raise OverflowError("a number with another meaning")
    return found


cdef inline object _none_or(double number):
    return None if isnan(number) else number


cdef inline object _none_or_count(int64_t count):
    return None if count == UNKNOWN else count


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


cdef inline int64_t _size(Value *value):
    return <int64_t>value.text.chars if value.kind == V_TEXT and value.text.size else UNKNOWN


cdef object _odd_stamp(text):
    from latprof.formats.claude_code.stamps import seconds_of  # most logs have none

    return seconds_of(text)


cdef object _odd_input(value):
    from latprof.formats.claude_code.parts import json_characters

    return json_characters(value)


cdef double _at(RecordFacts *record) except? -1:
    cdef Value *stamp = &record.values[R_TIMESTAMP]
    cdef double at
    if stamp.kind != V_TEXT:
        return NAN
    at = seconds_of(&stamp.text)
    return at if at >= 0 else _or_nan(_odd_stamp(_any_text(&stamp.text)))


cdef double _float(Value *value):
    return float((<const char *>value.at)[:value.end - value.at])


cdef double _duration_s(Value *values) except? -1:
    cdef int key
    cdef double duration_ms
    cdef Value *value
    for key in (R_THINKING_MS, R_TOOL_INPUT_MS):
        value = &values[key]
        if value.kind == V_WHOLE and value.whole >= 0:
            return <double>value.whole / 1000 if value.whole < 1 << 53 else <object>value.whole / 1000
        if value.kind == V_FLOAT:
            duration_ms = _float(value)
            if duration_ms >= 0:
                return duration_ms / 1000
    return NAN


cdef int64_t _characters(BlockFacts *block) except? -1:
    cdef Value *value = &block.values[B_INPUT]
    if value.kind == V_MISSING or value.kind == V_NULL:
        return UNKNOWN
    if block.input.odd:
        return _or_unknown(_odd_input(_loads((<const char *>value.at)[:value.end - value.at])))
    return <int64_t>block.input.written


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
