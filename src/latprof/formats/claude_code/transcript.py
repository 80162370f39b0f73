"""The lines of one file, indexed: who follows whom, which lines make a response."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import field, replace
from typing import Final

from latprof.classes import dataclass
from latprof.formats.claude_code.lines import Line, LineKind
from latprof.formats.claude_code.parts import Part
from latprof.formats.claude_code.responses import Habit, Response

__all__ = ["Transcript"]

_SHORT_ID: Final = 16
_SHARED_STAMP_LINES: Final = 5
# Kinds of users come before it, other kinds behind it.
_RESPONSE: Final = LineKind.RESPONSE
_TOOL_RESULT: Final = LineKind.TOOL_RESULT
_PASSING: Final = LineKind.PASSING
_ENDINGS: Final = frozenset({LineKind.INTERRUPT, LineKind.CUT_NOTE})
_LOOK_THROUGH: Final = frozenset({LineKind.PASSING, LineKind.HOOK, LineKind.SYNTHETIC, LineKind.QUEUED})

ResponseKey = tuple[str | None, bool, str, str | None, int]


@dataclass(slots=True)
class Transcript:
    """Everything that the pairing rules look up.

    `last_number_of` has the last line of each thread, as far as it came after a line of a request.
    """

    by_uuid: dict[str, Line] = field(default_factory=dict)
    responses: dict[ResponseKey, Response] = field(default_factory=dict)
    of_line: dict[int, Response] = field(default_factory=dict)
    results: dict[str, Line] = field(default_factory=dict)
    owner_of_tool: dict[str, Response] = field(default_factory=dict)
    requests: dict[str, Line] = field(default_factory=dict)
    requests_of: dict[str | None, list[Line]] = field(default_factory=dict)
    errors_of: dict[str | None, list[Line]] = field(default_factory=dict)
    referenced: set[str] = field(default_factory=set)
    last_number_of: dict[str | None, int] = field(default_factory=dict)
    _habits: dict[tuple[str | None, bool], Habit] = field(default_factory=dict)
    _ambiguous_tools: set[str] = field(default_factory=set)
    _endings: list[Line] = field(default_factory=list)
    _generation: dict[str | None, int] = field(default_factory=dict)
    _last_embedded: dict[str, str | None] = field(default_factory=dict)

    @classmethod
    def of(cls, lines: Iterable[Line]) -> Transcript:  # noqa: C901 - flat, for it runs once per line
        """Index lines given in file order; a uuid that was there before is a copy and is left out."""
        transcript = cls()
        by_uuid, add_response, index = transcript.by_uuid, transcript._add_response, transcript._index
        # Lines in a row that share a stamp.
        run: list[Line] = []
        run_at: float | None = None
        for line in lines:
            if line.embedded:
                line = transcript._chained(line)  # noqa: PLW2901
            uuid = line.uuid
            if uuid is not None:
                if uuid in by_uuid:
                    continue
                by_uuid[uuid] = line
            kind = line.kind
            if kind == _RESPONSE:
                add_response(line)
            elif kind != _PASSING:
                index(line)
            if kind > _RESPONSE or line.embedded:
                continue
            if line.at != run_at:
                if len(run) >= _SHARED_STAMP_LINES:
                    transcript._end_run(run)
                run, run_at = [line], line.at
            else:
                run.append(line)
            if transcript.requests_of:
                transcript.last_number_of[line.thread] = line.number
        transcript._end_run(run)
        transcript._mark_cut()
        transcript._see_habits()
        return transcript

    def walk_up(self, line: Line) -> Iterator[Line]:
        """The lines above, nearest first; ends at a root, a missing line or a loop."""
        seen: set[str] = set()
        parent = line.parent
        while parent is not None and parent not in seen:
            seen.add(parent)
            above = self.by_uuid.get(parent)
            if above is None:
                return
            yield above
            parent = above.parent

    def response_above(self, line: Line) -> Response | None:
        """The response that a line follows directly, with nothing but harness lines between."""
        for above in self.walk_up(line):
            if above.kind is LineKind.RESPONSE:
                return self.of_line.get(id(above))
            if above.kind not in _LOOK_THROUGH:
                return None
        return None

    def result_of(self, tool_id: str) -> Line | None:
        """The line with a tool's result; None when the id is shared, as in redacted logs."""
        return None if tool_id in self._ambiguous_tools else self.results.get(tool_id)

    def requests_before(self, request: Line) -> Iterator[Line]:
        """Request lines of the same thread above the given one, nearest first."""
        lines = self.requests_of[request.thread]
        index = bisect_left(lines, request.number, key=lambda line: line.number)
        return reversed(lines[max(0, index - 100) : index])

    def habit_of(self, response: Response) -> Habit:
        """What responses of the same version, in main or side threads, have in common here."""
        return self._habits[response.parts[0].version, response.thread is None]

    def _index(self, line: Line) -> None:
        """A line that is no response."""
        kind = line.kind
        if kind < _RESPONSE:
            self._add_user(line)
        elif kind == LineKind.API_ERROR:
            self.errors_of.setdefault(line.thread, []).append(line)
        elif kind == LineKind.REQUEST and line.request_id not in self.requests:
            self.requests[line.request_id or ""] = line
            self.requests_of.setdefault(line.thread, []).append(line)
        elif kind == LineKind.SYNTHETIC and line.truncates:
            self._endings.append(line)

    def _add_user(self, line: Line) -> None:
        for tool_id in line.tool_ids:
            self.results.setdefault(tool_id, line)
        kind = line.kind
        if kind != _TOOL_RESULT:
            self._generation[line.thread] = self._generation.get(line.thread, 0) + 1
            if kind in _ENDINGS:
                self._endings.append(line)

    def _add_response(self, line: Line) -> None:
        part = line.part
        if part is None:
            return
        thread, request_id = line.thread, part.request_id
        # Without a request id an id may repeat, so a new prompt starts a new response.
        generation = -1 if request_id else self._generation.get(thread, 0)
        key = (thread, line.embedded, part.message_id, request_id, generation)
        response = self.responses.get(key)
        if response is None:
            response = self.responses[key] = Response(thread, [line], [part])
        elif not request_id and self._reuses_id(part, response):
            self.responses[(thread, line.embedded, part.message_id, str(line.number), generation)] = response
            response = self.responses[key] = Response(thread, [line], [part])
        else:
            response.lines.append(line)
            response.parts.append(part)
        self.of_line[id(line)] = response
        if part.request_ref is not None:
            self.referenced.add(part.request_ref)
        for tool_id in part.tool_ids:
            if self.owner_of_tool.setdefault(tool_id, response) is not response:
                self._ambiguous_tools.add(tool_id)

    def _reuses_id(self, part: Part, response: Response) -> bool:
        """A short id without request id, once all tools of the response have answered, is a new one."""
        if len(part.message_id) >= _SHORT_ID:
            return False
        tools = [tool_id for known in response.parts for tool_id in known.tool_ids]
        return bool(tools) and all(tool_id in self.results for tool_id in tools)

    def _chained(self, line: Line) -> Line:
        """Embedded lines have no parent of their own: each follows the agent's line before it."""
        thread, uuid = line.thread or "", f"embedded/{line.uuid or line.number}"
        if uuid in self.by_uuid:
            return replace(line, uuid=uuid)
        parent = self._last_embedded.get(thread)
        self._last_embedded[thread] = uuid
        return replace(line, uuid=uuid, parent=parent)

    def _end_run(self, run: list[Line]) -> None:
        """Five or more lines of several responses with one stamp are re-stamped."""
        if len(run) < _SHARED_STAMP_LINES or run[0].at is None:
            return
        touched = {id(self.of_line[id(line)]): self.of_line[id(line)] for line in run if id(line) in self.of_line}
        if len(touched) > 1:
            for response in touched.values():
                response.shared_stamp = True

    def _mark_cut(self) -> None:
        for line in self._endings:
            response = self._ended_by(line)
            if response is not None:
                response.cut = True

    def _see_habits(self) -> None:
        habits = self._habits
        for response in self.responses.values():
            parts = response.parts
            key = (parts[0].version, response.thread is None)
            habit = habits.get(key)
            if habit is None:
                habit = habits[key] = Habit()
            habit.see(parts)

    def _ended_by(self, line: Line) -> Response | None:
        if line.interrupted_id is not None:
            for response in self.responses.values():
                if response.parts and response.parts[0].message_id == line.interrupted_id:
                    return response
            return None
        above = self.response_above(line)
        if above is None or (line.kind is LineKind.INTERRUPT and above.stop_reason is not None):
            return None
        return above
