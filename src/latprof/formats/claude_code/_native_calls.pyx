# cython: language_level=3, boundscheck=True, wraparound=False
"""What transcript.py, pairing.py, responses.py and calls.py do with the usual lines and responses, without their cost.

Optional, as the reader of lines is; function by function the twin of the Python code that it stands for. What is rare is
handed to that code: lines of failed attempts and of requests, embedded lines, long chains.
"""

from cpython.dict cimport PyDict_GetItemWithError
from cpython.long cimport PyLong_FromVoidPtr
from cpython.object cimport PyObject
from libc.stdint cimport int64_t

from latprof.trace._slots cimport get, made, offsets, put

from latprof.formats.claude_code.lines import Line, LineKind
from latprof.formats.claude_code.pairing import trigger_of
from latprof.formats.claude_code.parts import Part, Usage
from latprof.formats.claude_code.responses import Habit, Response
from latprof.formats.claude_code.transcript import Transcript
from latprof.model import LONG_GAP_S, Block, Call

__all__ = ["Calls"]


cdef enum:
    L_NUMBER, L_KIND, L_AT, L_UUID, L_PARENT, L_THREAD, L_PART, L_TOOLS, L_EMBEDDED, L_REQUEST, L_COUNT
    P_MESSAGE = 0
    P_REQUEST, P_SESSION, P_VERSION, P_PROJECT, P_MODEL, P_REQUESTED, P_STOP, P_DETAILS, P_USAGE, P_BLOCKS, P_TOOLS
    P_INDEX, P_DURATION, P_REFERENCE, P_EFFORT, P_COUNT
    S_THREAD = 0
    S_LINES, S_PARTS, S_CUT, S_SHARED, S_COUNT
    B_TYPE = 0
    B_END, B_START, B_CHARACTERS, B_TOKENS, B_NAME, B_RESULT, B_SIGNATURE, B_COUNT
    U_INPUT = 0
    U_READ, U_WRITTEN, U_OUTPUT, U_THINKING, U_TOOLS, U_ITERATIONS, U_SPEED, U_COUNT
    C_AGENT = 0
    C_SESSION, C_MESSAGE, C_REQUEST, C_VERSION, C_AGENT_ID, C_PROVIDER, C_MODEL, C_REQUESTED, C_PROJECT, C_HOST
    C_ENGINEER, C_EFFORT, C_SPEED, C_TRIGGER, C_TRIGGER_AT, C_SENT_AT, C_SENT_SOURCE, C_HEADERS_AT, C_FIRST_AT
    C_FIRST_SOURCE, C_LAST_AT, C_LAST_SOURCE, C_INPUT, C_READ, C_WRITTEN, C_OUTPUT, C_OUTPUT_SOURCE, C_REASONING
    C_ATTEMPTS, C_LOAD, C_STOP, C_FLAGS, C_BLOCKS, C_TOOL_S, C_STATED_ID, C_TOLD_BY, C_COUNT
    # As in lines.LineKind.
    TOOL_RESULT = 2
    META = 3
    COMPACT_SUMMARY = 4
    NOTICE = 5
    INTERRUPT = 6
    CUT_NOTE = 8
    STOP_HOOK = 9
    RESPONSE = 10
    API_ERROR = 12
    HOOK = 13
    QUEUED = 14
    PASSING = 16
    SHARED_STAMP_LINES = 5
    MOST_WALKED = 32
    MOST_STEPS = 500

cdef Py_ssize_t[L_COUNT] _line
cdef Py_ssize_t[P_COUNT] _part
cdef Py_ssize_t[S_COUNT] _response
cdef Py_ssize_t[B_COUNT] _block
cdef Py_ssize_t[C_COUNT] _call

cdef object _LINE = Line, _PART = Part, _RESPONSE = Response, _BLOCK = Block, _CALL = Call, _USAGE = Usage
cdef object _HABIT = Habit, _trigger_of = trigger_of
cdef double _BURST_GAP_S = 0.02, _CLOCK_TOLERANCE_S = 0.05, _LONG_GAP_S = LONG_GAP_S
cdef enum:
    BURST_CHARACTERS = 100
    LARGEST_PLACEHOLDER = 100
    RATIO_CHARACTERS = 400
    CHARACTERS_PER_TOKEN = 4

# What is compiled here must be what the Python code beside it says, however old this file is.
cdef dict _NAMES = {
    Response: "thread lines parts cut shared_stamp",
    Block: "type end_at start_at characters tokens name result_at signature_characters",
    Part: "message_id request_id session_id version project model requested_model stop_reason has_stop_details usage "
    "blocks tool_ids block_index duration_s request_ref effort",
    Call: "agent session_id message_id request_id agent_version agent_id provider model requested_model project host "
    "engineer effort speed_mode trigger trigger_at sent_at sent_source headers_at first_output_at "
    "first_output_source last_output_at last_output_source input_tokens cache_read_tokens cache_write_tokens "
    "output_tokens output_tokens_source reasoning_tokens attempts load stop_reason flags blocks tool_s stated_id told_by",
}
if any(" ".join(owner.__slots__) != names for owner, names in _NAMES.items()):
    raise ImportError("compiled for another version of latprof")

offsets(_line, Line, "number kind at uuid parent thread part tool_ids embedded request_id")
offsets(_part, Part, _NAMES[Part])
offsets(_response, Response, _NAMES[Response])
offsets(_block, Block, _NAMES[Block])
offsets(_call, Call, _NAMES[Call])

# The texts of flags, in the order in which a call bears them.
cdef tuple _FLAGS = (
    "interrupted", "non_streamed", "burst", "server_tools", "multi_iteration", "sidechain", "embedded",
    "timestamp_unreliable", "clock_step", "suspended", "fast",
)


cdef inline object _look(dict table, object key):
    """None where there is none; no value of these tables is None."""
    cdef PyObject *found = PyDict_GetItemWithError(table, key)
    return None if found == NULL else <object>found


cdef inline int _kind(object line) except -1:
    return get(line, _line[L_KIND])


cdef inline object _at(object line):
    return get(line, _line[L_AT])


cdef class Calls:
    """The lines of one file, indexed as `Transcript.of` does it, and the calls of its responses."""

    cdef readonly object transcript
    cdef dict _by_uuid, _responses, _of_line, _results, _owner_of_tool, _habits, _generation, _requests, _errors_of
    cdef set _ambiguous, _referenced
    cdef object _last, _habit
    cdef object _habit_version
    cdef int _habit_main

    def __init__(self, list lines not None):
        transcript = self.transcript = Transcript()
        self._by_uuid, self._responses, self._of_line = transcript.by_uuid, transcript.responses, transcript.of_line
        self._results, self._owner_of_tool = transcript.results, transcript.owner_of_tool
        self._habits, self._generation = transcript._habits, transcript._generation
        self._ambiguous, self._referenced = transcript._ambiguous_tools, transcript.referenced
        self._requests, self._errors_of = transcript.requests, transcript.errors_of
        self._last = self._habit = None
        self._habit_main = -1
        self._take(lines)
        transcript._mark_cut()
        self._see_habits()

    cdef int _take(self, list lines) except -1:
        cdef list run = []
        cdef int kind
        cdef bint embedded
        cdef dict requests_of = self.transcript.requests_of
        run_at = None
        for line in lines:
            if type(line) is not _LINE:
                raise TypeError("not a line")
            embedded = get(line, _line[L_EMBEDDED])
            if embedded:
                line = self.transcript._chained(line)
            uuid = get(line, _line[L_UUID])
            if uuid is not None:
                if uuid in self._by_uuid:
                    continue
                self._by_uuid[uuid] = line
            kind = _kind(line)
            if kind == RESPONSE:
                self._add_response(line)
            elif kind < RESPONSE:
                self._add_user(line, kind)
            elif kind != PASSING:
                self.transcript._index(line)
            if kind > RESPONSE or embedded:
                continue
            at = _at(line)
            if at is run_at or (at is not None and run_at is not None and <double>at == <double>run_at):
                run.append(line)
            else:
                if len(run) >= SHARED_STAMP_LINES:
                    self.transcript._end_run(run)
                run = [line]
                run_at = at
            if requests_of:
                self.transcript.last_number_of[get(line, _line[L_THREAD])] = get(line, _line[L_NUMBER])
        self.transcript._end_run(run)
        return 0

    cdef int _add_user(self, object line, int kind) except -1:
        for tool_id in <tuple?>get(line, _line[L_TOOLS]):
            if tool_id not in self._results:
                self._results[tool_id] = line
        if kind != TOOL_RESULT:
            thread = get(line, _line[L_THREAD])
            self._generation[thread] = self._generation.get(thread, 0) + 1
            if kind == INTERRUPT or kind == CUT_NOTE:
                self.transcript._endings.append(line)
        return 0

    cdef int _add_response(self, object line) except -1:
        part = get(line, _line[L_PART])
        if part is None:
            return 0
        if type(part) is not _PART:
            raise TypeError("not a part")
        thread, request_id = get(line, _line[L_THREAD]), get(part, _part[P_REQUEST])
        message_id, embedded = get(part, _part[P_MESSAGE]), get(line, _line[L_EMBEDDED])
        response = self._response_of(thread, embedded, message_id, request_id)
        if response is None or (not request_id and self.transcript._reuses_id(part, response)):
            key = (thread, embedded, message_id, request_id, -1 if request_id else self._generation.get(thread, 0))
            if response is not None:
                self._responses[(thread, embedded, message_id, str(get(line, _line[L_NUMBER])), key[4])] = response
            response = made(_RESPONSE, _response, 0)
            put(response, _response[S_THREAD], thread)
            put(response, _response[S_LINES], [line])
            put(response, _response[S_PARTS], [part])
            put(response, _response[S_CUT], False)
            put(response, _response[S_SHARED], False)
            self._responses[key] = response
        else:
            (<list>get(response, _response[S_LINES])).append(line)
            (<list>get(response, _response[S_PARTS])).append(part)
        self._last = response
        self._of_line[PyLong_FromVoidPtr(<void *>line)] = response
        reference = get(part, _part[P_REFERENCE])
        if reference is not None:
            self._referenced.add(reference)
        for tool_id in <tuple?>get(part, _part[P_TOOLS]):
            owner = _look(self._owner_of_tool, tool_id)
            if owner is None:
                self._owner_of_tool[tool_id] = response
            elif owner is not response:
                self._ambiguous.add(tool_id)
        return 0

    cdef object _response_of(self, object thread, object embedded, object message_id, object request_id):
        """The response that a line belongs to, mostly that of the line before; None for a new one."""
        if request_id and self._last is not None:
            known = (<list>get(self._last, _response[S_PARTS]))[0]
            line = (<list>get(self._last, _response[S_LINES]))[0]
            if (
                <str?>get(known, _part[P_MESSAGE]) == <str?>message_id
                and get(known, _part[P_REQUEST]) == request_id
                and get(line, _line[L_THREAD]) == thread
                and get(line, _line[L_EMBEDDED]) is embedded
            ):
                return self._last
        generation = -1 if request_id else self._generation.get(thread, 0)
        return _look(self._responses, (thread, embedded, message_id, request_id, generation))

    cdef int _see_habits(self) except -1:
        cdef list parts
        cdef Py_ssize_t stated
        cdef bint detailed
        for response in self._responses.values():
            parts = <list>get(response, _response[S_PARTS])
            habit = self._habit_of(get(parts[0], _part[P_VERSION]), get(response, _response[S_THREAD]) is None)
            detailed = False
            stated = 0
            for part in parts:
                detailed = detailed or get(part, _part[P_DETAILS]) is True
                stated += get(part, _part[P_STOP]) is not None
            if detailed and not habit.has_stop_details:
                habit.has_stop_details = True
            if len(parts) > 1 and stated == len(parts):
                habit.stops_on_every_line += 1
            elif len(parts) > 1 and stated > 0:
                habit.stops_on_some_lines += 1
        return 0

    cdef object _habit_of(self, object version, bint main):
        if self._habit_main != main or self._habit_version is not version:
            key = (version, main)
            habit = _look(self._habits, key)
            if habit is None:
                habit = self._habits[key] = _HABIT()
            self._habit, self._habit_version, self._habit_main = habit, version, main
        return self._habit

    cdef object _result_of(self, object tool_id):
        return None if tool_id in self._ambiguous else _look(self._results, tool_id)

    def call_of(self, response):
        """The call of a response as `calls.call_of` makes it; None where what led to it is rare."""
        if type(response) is not _RESPONSE:
            raise TypeError("not a response")
        paired = self._paired(response)
        return None if paired is None else self._call(response, <tuple>paired)

    cdef tuple _paired(self, object response):
        """Trigger, its time, send time and its source, as `pair` finds them; None where it is to be asked."""
        cdef PyObject *walked[MOST_WALKED]
        cdef int count = 0, steps = 0, kind
        cdef bint queued = False
        first = (<list>get(response, _response[S_LINES]))[0]
        thread = get(response, _response[S_THREAD])
        above = None
        parent = get(first, _line[L_PARENT])
        line = _look(self._by_uuid, parent) if parent is not None else None
        while line is not None:
            kind = _kind(line)
            if kind < RESPONSE:
                above = line
                break
            if kind == RESPONSE:
                if _look(self._of_line, PyLong_FromVoidPtr(<void *>line)) is not response:
                    break
            elif count == MOST_WALKED:
                return None
            else:
                walked[count] = <PyObject *>line
                count += 1
                queued = queued or kind == QUEUED
            steps += 1
            if steps > MOST_STEPS:
                # Long, or a loop.
                return None
            parent = get(line, _line[L_PARENT])
            line = _look(self._by_uuid, parent) if parent is not None else None
        if self._errors_of and self._has_errors(first, above, walked, count):
            return None
        trigger, trigger_at, sent_at, source = "unknown", None, None, None
        if above is not None:
            kind = _kind(above)
            trigger = self._trigger(above, kind, thread)
            trigger_at = self._result_at(above, first) if kind == TOOL_RESULT else _at(above)
        elif queued:
            trigger = "user"
        else:
            count = 0
        if trigger_at is not None:
            sent_at, source = trigger_at, "trigger_line"
        first_at = _at(first)
        for place in range(count):
            at = _at(<object>walked[place])
            if at is None or (first_at is not None and <double>at > <double>first_at):
                continue
            if sent_at is None or <double>at > <double>sent_at:
                sent_at = at
                source = "hook_adjusted" if _kind(<object>walked[place]) == HOOK else "trigger_line"
        if thread is not None and (<str?>thread).startswith("acompact"):
            trigger = "compaction"
        if self._requests:
            request = self._request_of(response)
            if request is not None:
                if self._has_lost(request, above):
                    return None
                sent_at, source = _at(request), "api_request_line"
        return trigger, trigger_at, sent_at, source

    cdef object _request_of(self, object response):
        """The line of the request that was answered, where it has a time."""
        for part in <list>get(response, _response[S_PARTS]):
            reference = get(part, _part[P_REFERENCE])
            if reference:
                request = _look(self._requests, reference)
                return None if request is None or _at(request) is None else request
        return None

    cdef bint _has_lost(self, object request, object above) except -1:
        """Whether the request before it, after what led to the call, was never answered."""
        cdef list known = self.transcript.requests_of[get(request, _line[L_THREAD])]
        cdef Py_ssize_t low = 0, high = len(known), middle
        cdef Py_ssize_t number = get(request, _line[L_NUMBER])
        cdef Py_ssize_t since = -1 if above is None else get(above, _line[L_NUMBER])
        while low < high:
            middle = (low + high) // 2
            if <Py_ssize_t>get(known[middle], _line[L_NUMBER]) < number:
                low = middle + 1
            else:
                high = middle
        if low == 0:
            return False
        earlier = known[low - 1]
        return get(earlier, _line[L_NUMBER]) >= since and get(earlier, _line[L_REQUEST]) not in self._referenced

    cdef bint _has_errors(self, object first, object above, PyObject **walked, int count) except -1:
        """Whether a failed attempt may have come before the response."""
        cdef Py_ssize_t number, since, last = get(first, _line[L_NUMBER])
        cdef int place
        errors = _look(self._errors_of, get(first, _line[L_THREAD]))
        if errors is None:
            return False
        for place in range(count):
            if _kind(<object>walked[place]) == API_ERROR:
                return True
        if above is not None:
            since = get(above, _line[L_NUMBER])
            for line in <list?>errors:
                number = get(line, _line[L_NUMBER])
                if since < number < last:
                    return True
        return False

    cdef object _trigger(self, object above, int kind, object thread):
        if kind == TOOL_RESULT:
            return "tool_result"
        if kind == COMPACT_SUMMARY:
            return "compaction"
        if kind == NOTICE or kind == STOP_HOOK:
            return "notification"
        if kind == CUT_NOTE:
            return "retry"
        if kind != META and thread is None:
            return "user"
        return _trigger_of(self.transcript, above, thread)

    cdef object _result_at(self, object line, object first):
        """As `pairing._result_at`."""
        cdef Py_ssize_t first_number = get(first, _line[L_NUMBER])
        latest, first_at, owner = _at(line), _at(first), None
        for owned in <tuple?>get(line, _line[L_TOOLS]):
            owner = _look(self._owner_of_tool, owned)
            if owner is not None:
                break
        if owner is None:
            return latest
        for part in <list>get(owner, _response[S_PARTS]):
            for tool_id in <tuple?>get(part, _part[P_TOOLS]):
                result = self._result_of(tool_id)
                if result is None or result is line:
                    continue
                at = _at(result)
                if at is None or <Py_ssize_t>get(result, _line[L_NUMBER]) > first_number:
                    continue
                if first_at is None or <double>at <= <double>first_at:
                    if latest is None or <double>at > <double>latest:
                        latest = at
        return latest

    cdef object _call(self, object response, tuple paired):
        cdef list lines = <list>get(response, _response[S_LINES]), parts = <list>get(response, _response[S_PARTS])
        cdef list blocks = []
        cdef tuple usage = _usage(parts)
        cdef bint non_streamed = False, stepped, broken
        cdef int64_t total = 0
        part, thread, sent_at = parts[0], get(response, _response[S_THREAD]), paired[2]
        stop_reason = None
        for other in parts:
            if len(<tuple?>get(other, _part[P_BLOCKS])) > 1:
                non_streamed = True
            stop_reason = get(other, _part[P_STOP]) or stop_reason
        stepped = self._add_blocks(blocks, lines, parts, sent_at, non_streamed)
        habit = self._habit_of(get(part, _part[P_VERSION]), thread is None)
        broken = get(response, _response[S_CUT]) or _broken_off(parts, habit, stop_reason, non_streamed)
        source = None
        if usage[U_OUTPUT] and not broken:
            source = "stop_reason"
            if stop_reason is None:
                source = response.final_source(habit, usage, None, interrupted=False)
        if source is not None and usage[U_THINKING]:
            _set_thoughts(blocks, usage[U_THINKING])
        for place in (U_INPUT, U_READ, U_WRITTEN):
            if usage[place] is not None:
                total += <int64_t>usage[place]
        end = _end(lines)
        model, message_id = get(part, _part[P_MODEL]), get(part, _part[P_MESSAGE])
        request_id, first_at = get(part, _part[P_REQUEST]), None
        if not non_streamed and len(<tuple>get(part, _part[P_BLOCKS])) == 1 and get(part, _part[P_INDEX]) == 0:
            first_at = get(blocks[0], _block[B_START])
        call = made(_CALL, _call, C_COUNT)
        put(call, _call[C_AGENT], "claude-code")
        put(call, _call[C_SESSION], get(part, _part[P_SESSION]) or "")
        put(call, _call[C_MESSAGE], message_id)
        put(call, _call[C_REQUEST], request_id)
        put(call, _call[C_VERSION], get(part, _part[P_VERSION]))
        put(call, _call[C_AGENT_ID], thread or None)
        put(call, _call[C_PROVIDER], _provider(message_id, request_id, model))
        put(call, _call[C_MODEL], model)
        put(call, _call[C_REQUESTED], get(part, _part[P_REQUESTED]))
        put(call, _call[C_PROJECT], get(part, _part[P_PROJECT]))
        put(call, _call[C_EFFORT], get(part, _part[P_EFFORT]))
        put(call, _call[C_SPEED], usage[U_SPEED])
        put(call, _call[C_TRIGGER], paired[0])
        put(call, _call[C_TRIGGER_AT], paired[1])
        put(call, _call[C_SENT_AT], sent_at)
        put(call, _call[C_SENT_SOURCE], paired[3])
        put(call, _call[C_FIRST_AT], first_at)
        put(call, _call[C_FIRST_SOURCE], None if first_at is None else "block_start")
        put(call, _call[C_LAST_AT], end)
        put(call, _call[C_LAST_SOURCE], None if end is None else "last_block_end")
        put(call, _call[C_INPUT], total or None)
        put(call, _call[C_READ], usage[U_READ])
        put(call, _call[C_WRITTEN], usage[U_WRITTEN])
        put(call, _call[C_OUTPUT], None if source is None else usage[U_OUTPUT])
        put(call, _call[C_OUTPUT_SOURCE], source)
        put(call, _call[C_REASONING], None if source is None else usage[U_THINKING])
        put(call, _call[C_ATTEMPTS], 1)
        put(call, _call[C_STOP], stop_reason)
        put(call, _call[C_FLAGS], _flags(response, paired, usage, broken, non_streamed, stepped))
        put(call, _call[C_BLOCKS], tuple(blocks))
        put(call, _call[C_TOLD_BY], "")
        return call

    cdef bint _add_blocks(self, list blocks, list lines, list parts, object sent_at, bint non_streamed) except -1:
        """The blocks of a response; whether a start was impossible."""
        cdef Py_ssize_t place, used
        cdef tuple facts, tools
        cdef bint stepped = False
        earliest = sent_at
        for place in range(len(lines)):
            part, at, start = parts[place], _at(lines[place]), None
            facts, tools, used = get(part, _part[P_BLOCKS]), get(part, _part[P_TOOLS]), 0
            duration = get(part, _part[P_DURATION])
            if duration is not None and at is not None and len(facts) == 1:
                start = <double>at - <double>duration
                if earliest is not None and <double>start < <double>earliest - _CLOCK_TOLERANCE_S:
                    start, stepped = None, True
            for kind, characters, signature, name in facts:
                block = made(_BLOCK, _block, B_COUNT)
                put(block, _block[B_TYPE], kind)
                put(block, _block[B_END], at)
                put(block, _block[B_CHARACTERS], characters)
                put(block, _block[B_NAME], name)
                put(block, _block[B_SIGNATURE], signature)
                if not non_streamed:
                    put(block, _block[B_START], start)
                if <str>kind == "tool_use":
                    result = self._result_of(tools[used])
                    used += 1
                    if result is not None:
                        put(block, _block[B_RESULT], _at(result))
                blocks.append(block)
            if at is not None:
                earliest = at
        return stepped


cdef inline tuple _usage_of(object part):
    usage = get(part, _part[P_USAGE])
    if type(usage) is not _USAGE:
        raise TypeError("no usage")
    return <tuple>usage


cdef tuple _usage(list parts):
    """As `Response.usage`."""
    cdef tuple usage, last = _usage_of(parts[len(parts) - 1])
    cdef list largest
    cdef bint same = True
    for part in parts:
        usage = _usage_of(part)
        if usage is not last and usage != last:
            same = False
    if same:
        return last
    largest = [None] * 5 + [False, 0, None]
    for part in parts:
        usage = _usage_of(part)
        for place in range(U_TOOLS):
            if usage[place] is not None and (largest[place] is None or usage[place] > largest[place]):
                largest[place] = usage[place]
        if usage[U_TOOLS]:
            largest[U_TOOLS] = True
        if usage[U_ITERATIONS] > largest[U_ITERATIONS]:
            largest[U_ITERATIONS] = usage[U_ITERATIONS]
        largest[U_SPEED] = usage[U_SPEED] or largest[U_SPEED]
    return <tuple>_USAGE(*largest)


cdef bint _broken_off(list parts, object habit, object stop_reason, bint non_streamed) except -1:
    """As `Response.broken_off`."""
    cdef bint stated
    if non_streamed:
        return False
    if stop_reason is None:
        return habit.always_stops
    stated = not habit.has_stop_details
    for part in parts:
        if get(part, _part[P_DURATION]) is not None and _thought_without_tokens(part):
            return True
        stated = stated or get(part, _part[P_DETAILS]) is True
    return not stated


cdef bint _thought_without_tokens(object part) except -1:
    cdef tuple usage = _usage_of(part)
    if usage[U_THINKING] is None or usage[U_THINKING] != 0 or (usage[U_OUTPUT] or 0) >= LARGEST_PLACEHOLDER:
        return False
    for facts in <tuple>get(part, _part[P_BLOCKS]):
        if <str>(<tuple>facts)[0] == "thinking":
            return True
    return False


cdef int _set_thoughts(list blocks, object tokens) except -1:
    found = None
    for block in blocks:
        if <str>get(block, _block[B_TYPE]) == "thinking":
            if found is not None:
                return 0
            found = block
    if found is not None:
        put(found, _block[B_TOKENS], tokens)
    return 0


cdef object _end(list lines):
    """The latest stamp."""
    latest = None
    for line in lines:
        at = _at(line)
        if at is not None and (latest is None or <double>at > <double>latest):
            latest = at
    return latest


cdef object _provider(str message_id, str request_id, str model):
    if message_id.startswith("msg_bdrk_"):
        return "aws.bedrock"
    if message_id.startswith("msg_vrtx_"):
        return "gcp.vertex_ai"
    if model is None or request_id is None:
        return None
    return "anthropic" if model.startswith("claude-") and request_id.startswith("req_") else None


cdef object _visible(object part):
    """Characters of the part's blocks."""
    cdef Py_ssize_t visible = 0
    for facts in <tuple>get(part, _part[P_BLOCKS]):
        if (<tuple>facts)[1] is not None:
            visible += (<tuple>facts)[1]
    return visible


cdef tuple _flags(
    object response, tuple paired, tuple usage, bint broken, bint non_streamed, bint stepped
):
    """As `calls._flags`, of a call at its first attempt."""
    cdef list lines = <list>get(response, _response[S_LINES]), parts = <list>get(response, _response[S_PARTS])
    cdef bint bursts = False, back = False, sleeps = False, early = False, has_previous = False
    cdef bint has_before = paired[2] is not None
    cdef double at_s, previous = 0, before = paired[2] if has_before else 0
    cdef Py_ssize_t place
    end = _at(lines[0])
    if end is not None:
        early = paired[1] is not None and <double>paired[1] > <double>end
        early = early or (has_before and <double>end < before - _CLOCK_TOLERANCE_S)
    for place in range(len(lines)):
        at = _at(lines[place])
        if at is None:
            continue
        at_s = at
        if has_previous:
            bursts = bursts or (at_s - previous < _BURST_GAP_S and _visible(parts[place]) >= BURST_CHARACTERS)
            back = back or at_s < previous - _CLOCK_TOLERANCE_S
        sleeps = sleeps or (has_before and at_s - before > _LONG_GAP_S)
        previous = before = at_s
        has_previous = has_before = True
    raised = (
        broken,
        non_streamed,
        not non_streamed and bursts,
        bool(usage[U_TOOLS]),
        usage[U_ITERATIONS] > 1,
        get(response, _response[S_THREAD]) is not None,
        bool(get(lines[0], _line[L_EMBEDDED])),
        bool(get(response, _response[S_SHARED])),
        stepped or early or back,
        not non_streamed and sleeps,
        usage[U_SPEED] == "fast",
    )
    if True not in raised:
        return ()
    return tuple([flag for flag, is_raised in zip(_FLAGS, raised) if is_raised])
