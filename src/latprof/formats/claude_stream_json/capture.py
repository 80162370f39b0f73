"""The messages of a capture, taken one by one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import orjson

from latprof.formats.claude_stream_json.lines import Line
from latprof.formats.claude_stream_json.responses import Response, Setup
from latprof.formats.records import Record, dict_of, list_of, number_of, seconds_of, text_of
from latprof.model import Block, BlockType, Call, Problem, Trigger

__all__ = ["Capture"]

_SYNTHETIC: Final = "<synthetic>"
_TYPES: Final[dict[str, BlockType]] = {
    "thinking": "thinking",
    "redacted_thinking": "thinking",
    "text": "text",
    "tool_use": "tool_use",
}
# Arrival and the agent's own time are of one machine; more than so much apart they are of two clocks.
_ONE_CLOCK_S: Final = 5.0


class Capture:
    """Takes the lines in order and makes the calls at the end."""

    def __init__(self, path: str, problems: list[Problem]) -> None:
        self._path = path
        self._problems = problems
        self._setup = Setup()
        self._responses: dict[str, Response] = {}
        self._turn: list[Response] = []
        self._current: dict[str | None, Response] = {}
        self._pending: dict[str | None, tuple[Trigger, float | None]] = {}
        self._tools: dict[str, Block] = {}
        self._seen: set[str] = set()
        self._retries = 0
        self._requesting_at: float | None = None
        self._streams = False
        self._two_clocks = False

    def take(self, line: Line) -> None:
        """The next message; one whose uuid was there before is a copy."""
        uuid = text_of(line.record, "uuid")
        if uuid is not None:
            if uuid in self._seen:
                return
            self._seen.add(uuid)
        if line.arrived_at is not None and line.stamped_at is not None:
            self._two_clocks |= abs(line.arrived_at - line.stamped_at) > _ONE_CLOCK_S
        if self._two_clocks:
            line.arrived_at = None
        kind = line.record.get("type")
        if kind == "system":
            self._take_system(line)
        elif kind == "user":
            self._take_user(line)
        elif kind == "assistant":
            self._take_block(line)
        elif kind == "stream_event":
            self._take_event(line, dict_of(line.record, "event"))
        elif kind == "result":
            self._end_turn(line.record)

    def calls(self) -> Iterator[Call]:
        """What was taken; responses without a time or without a block become problems."""
        for response in self._responses.values():
            if self._streams and response.ended is None:
                response.ended = False
            call = response.call(self._setup)
            if call is not None:
                yield call
            elif response.blocks:
                self._problems.append(Problem("no_time", self._path))
            else:
                self._problems.append(Problem("request_without_response", self._path))

    def _take_system(self, line: Line) -> None:
        subtype = line.record.get("subtype")
        if subtype == "init":
            self._setup.session_id = text_of(line.record, "session_id") or self._setup.session_id
            self._setup.version = text_of(line.record, "claude_code_version")
            self._setup.project = text_of(line.record, "cwd")
        elif subtype == "api_retry":
            self._retries += 1
            self._requesting_at = None  # it marked the attempt that failed
            self._problems.append(Problem("failed_attempt", self._path, line.number))
        elif subtype == "status" and line.record.get("status") == "requesting":
            self._requesting_at = line.arrived_at

    def _take_user(self, line: Line) -> None:
        thread = text_of(line.record, "parent_tool_use_id")
        at = line.stamped_at if line.stamped_at is not None else line.arrived_at
        results = [text_of(part, "tool_use_id") for part in list_of(line.record, "message", "content")]
        for tool_id in results:
            tool = self._tools.get(tool_id or "")
            if tool is not None and tool.result_at is None:
                tool.result_at = at
        if any(results):
            self._pending[thread] = "tool_result", at
        else:
            self._pending[thread] = "user" if thread is None else "subagent", at

    def _response(self, message: Record, thread: str | None) -> Response | None:
        message_id = text_of(message, "id")
        if message_id is None:
            return None
        response = self._responses.get(message_id)
        if response is None:
            response = self._responses[message_id] = Response(message_id, thread)
            self._give_trigger(response)
        self._current[thread] = response
        response.model = text_of(message, "model") or response.model
        response.usage = dict_of(message, "usage") or response.usage
        response.stop_reason = text_of(message, "stop_reason") or response.stop_reason
        return response

    def _give_trigger(self, response: Response) -> None:
        response.retries, self._retries = self._retries, 0
        response.requesting_at, self._requesting_at = self._requesting_at, None
        pending = self._pending.pop(response.thread, None)
        if pending is None and response.thread is not None:
            # Its task was given by a tool call that is complete by now.
            tool = self._tools.get(response.thread)
            first = all(other is response or other.thread != response.thread for other in self._responses.values())
            pending = ("subagent", tool.end_at if tool is not None else None) if first else None
        if pending is None and response.thread is None and not self._turn:
            pending = "user", None
        response.trigger, response.trigger_at = pending or ("unknown", None)
        if response.thread is None:
            self._turn.append(response)

    def _take_block(self, line: Line) -> None:
        message = dict_of(line.record, "message")
        if message.get("model") == _SYNTHETIC:
            return
        response = self._response(message, text_of(line.record, "parent_tool_use_id"))
        if response is None:
            return
        response.request_id = text_of(line.record, "request_id") or response.request_id
        end_at = line.stamped_at if line.stamped_at is not None else line.arrived_at
        duration = number_of(line.record, "thinking_duration_ms")
        for part in list_of(message, "content"):
            block = _block(part, end_at)
            if block.type == "thinking" and duration is not None and duration >= 0 and end_at is not None:
                block.start_at = end_at - duration / 1000
            response.blocks.append(block)
            tool_id = text_of(part, "id")
            if tool_id is not None:
                self._tools[tool_id] = block

    def _take_event(self, line: Line, event: Record) -> None:
        thread, kind = text_of(line.record, "parent_tool_use_id"), event.get("type")
        self._streams = True
        if kind == "message_start":
            response = self._response(dict_of(event, "message"), thread)
            if response is not None:
                wait = number_of(line.record, "ttft_ms")
                response.started, response.opened_at = True, line.arrived_at
                response.opening_s = None if wait is None or wait < 0 else wait / 1000
            return
        response = self._responses.get(text_of(line.record, "api_message_id") or "") or self._current.get(thread)
        if response is None:
            return
        if kind == "content_block_start" and line.arrived_at is not None:
            response.block_starts.append(line.arrived_at)
        elif kind == "message_delta":
            response.final = dict_of(event, "usage") or response.final
            response.stop_reason = text_of(event, "delta", "stop_reason") or response.stop_reason
        elif kind == "message_stop":
            response.ended = True

    def _end_turn(self, result: Record) -> None:
        """The last message of a turn times its first request, counted from the turn's start."""
        turn, self._turn = self._turn, []
        self._pending.clear()
        self._retries = 0
        if not turn:
            return
        first = turn[0]
        self._time_first(first, result)
        if len(turn) == 1 and not first.final and not self._streams and result.get("is_error") is False:
            first.final = dict_of(result, "usage")
        if result.get("subtype") == "error_during_execution" and not self._streams:
            turn[-1].cut = True

    def _time_first(self, first: Response, result: Record) -> None:
        stamped = [block.end_at for block in first.blocks if block.end_at is not None]
        whole, before, content = (
            number_of(result, key) for key in ("ttft_ms", "time_to_request_ms", "first_content_frame_ms")
        )
        sent_wall = seconds_of(result.get("request_sent_wall_ms"), unit=0.001)
        if stamped and whole is not None and before is not None:
            start = min(stamped) - whole / 1000
            first.sent_at = start + before / 1000
            # With failed attempts it is not said which one was meant.
            first.sent_source = "record_created" if first.retries else "record_start"
            if content is not None and before <= content <= whole and not first.retries:
                first.first_at = start + content / 1000
        elif sent_wall is not None:
            first.sent_at, first.sent_source = sent_wall, "request_sent_wall"


def _block(part: Any, end_at: float | None) -> Block:
    kind = _TYPES.get(text_of(part, "type") or "", "other")
    block = Block(type=kind, end_at=end_at)
    if kind == "tool_use":
        block.name, block.characters = text_of(part, "name"), _json_characters(dict_of(part, "input"))
        return block
    # An empty thought with a signature is hidden, not short.
    text, signature = text_of(part, "thinking") or text_of(part, "text"), text_of(part, "signature")
    block.characters = None if text is None else len(text)
    block.signature_characters = None if signature is None else len(signature)
    return block


def _json_characters(value: Record) -> int | None:
    """Characters as compact JSON, which is about what the model wrote."""
    try:
        return len(orjson.dumps(value).decode())
    except (TypeError, orjson.JSONEncodeError, RecursionError):
        return None
