"""Why and when a call was made: from the first line of a response up to its trigger."""

from __future__ import annotations

from typing import Final

from latprof.classes import dataclass
from latprof.formats.claude_code.lines import USER_KINDS, Line, LineKind
from latprof.formats.claude_code.responses import Response
from latprof.formats.claude_code.transcript import Transcript
from latprof.model import Trigger

__all__ = ["Pairing", "pair", "trigger_of"]

# Kinds of users come before it.
_RESPONSE: Final = LineKind.RESPONSE
_TOOL_RESULT: Final = LineKind.TOOL_RESULT
_COMPACTION_THREAD: Final = "acompact"
_KIND_TRIGGER: Final[dict[int, Trigger]] = {
    LineKind.TOOL_RESULT: "tool_result",
    LineKind.COMPACT_SUMMARY: "compaction",
    LineKind.NOTICE: "notification",
    LineKind.STOP_HOOK: "notification",
    LineKind.CUT_NOTE: "retry",
}


@dataclass(slots=True)
class Pairing:
    """What led to a response."""

    trigger: Trigger = "unknown"
    trigger_at: float | None = None
    sent_at: float | None = None
    sent_source: str | None = None
    attempts: int = 1
    fell_back: bool = False
    lost_requests: tuple[str, ...] = ()


def pair(transcript: Transcript, response: Response) -> Pairing:
    """Find trigger, send time and number of attempts of a response."""
    first, thread = response.lines[0], response.thread
    above, walked = _trigger_line(transcript, response)
    pairing = Pairing()
    if above is not None:
        pairing.trigger = trigger_of(transcript, above, thread)
        at = pairing.trigger_at = above.at if above.kind != _TOOL_RESULT else _result_at(transcript, above, first)
        if walked:
            _send_by_chain(pairing, walked, first)
        elif at is not None:
            pairing.sent_at, pairing.sent_source = at, "trigger_line"
    elif walked and any(line.kind is LineKind.QUEUED for line in walked):
        pairing.trigger = "user"
        _send_by_chain(pairing, walked, first)
    if thread is not None and thread.startswith(_COMPACTION_THREAD):
        pairing.trigger = "compaction"
    if transcript.errors_of:
        _apply_errors(transcript, pairing, above, walked, first)
    if transcript.requests:
        _apply_requests(transcript, pairing, above, response)
    return pairing


def _trigger_line(transcript: Transcript, response: Response) -> tuple[Line | None, list[Line]]:
    """The first user line above the response, and the harness lines passed on the way."""
    walked: list[Line] = []
    parent = response.lines[0].parent
    nearest = transcript.by_uuid.get(parent) if parent is not None else None
    if nearest is None:
        return None, walked
    if nearest.kind < _RESPONSE:
        return nearest, walked
    for line in transcript.walk_up(response.first):
        if line.kind < _RESPONSE:
            return line, walked
        if line.kind == _RESPONSE:
            if transcript.of_line.get(id(line)) is response:
                continue
            return None, walked
        walked.append(line)
    return None, walked


def trigger_of(transcript: Transcript, line: Line, thread: str | None) -> Trigger:
    """What a user line means for the call that it led to."""
    told = _KIND_TRIGGER.get(line.kind)
    if told is not None:
        return told
    if line.kind is LineKind.META:
        return _meta_trigger(transcript, line, thread)
    if thread is None:
        return "user"
    # In a side thread nobody types: the root is the parent's order, later texts are messages.
    return "subagent" if line.parent is None else _side_text(transcript, line)


def _side_text(transcript: Transcript, line: Line) -> Trigger:
    for above in transcript.walk_up(line):
        if above.kind in USER_KINDS or above.kind is LineKind.RESPONSE:
            return "notification"
    return "subagent"


def _meta_trigger(transcript: Transcript, line: Line, thread: str | None) -> Trigger:
    """A line of the harness itself (skill body, command expansion) stands for what it follows."""
    if line.source_tool_id is not None:
        return "tool_result"
    for above in transcript.walk_up(line):
        if above.kind is LineKind.META:
            continue
        if above.kind in USER_KINDS:
            return trigger_of(transcript, above, thread)
        if above.kind is LineKind.RESPONSE:
            break
    return "user" if thread is None else "subagent"


def _result_at(transcript: Transcript, line: Line, first: Line) -> float | None:
    """Time of results as a trigger: for parallel tools the latest that was there before the response."""
    latest, first_at = line.at, first.at
    for owned in line.tool_ids:
        owner = transcript.owner_of_tool.get(owned)
        if owner is not None:
            break
    else:
        return latest
    for part in owner.parts:
        for tool_id in part.tool_ids:
            result = transcript.result_of(tool_id)
            if result is None or result is line or result.at is None or result.number > first.number:
                continue
            if (first_at is None or result.at <= first_at) and (latest is None or result.at > latest):
                latest = result.at
    return latest


def _send_by_chain(pairing: Pairing, walked: list[Line], first: Line) -> None:
    """Send is the latest of the trigger and the lines between it and the response."""
    if pairing.trigger_at is not None:
        pairing.sent_at, pairing.sent_source = pairing.trigger_at, "trigger_line"
    for line in walked:
        if line.at is None or (first.at is not None and line.at > first.at):
            continue
        if pairing.sent_at is None or line.at > pairing.sent_at:
            pairing.sent_at = line.at
            pairing.sent_source = "hook_adjusted" if line.kind is LineKind.HOOK else "trigger_line"


def _apply_errors(
    transcript: Transcript, pairing: Pairing, above: Line | None, walked: list[Line], first: Line
) -> None:
    """Failed attempts: the next one starts when the wait that the error line names is over."""
    of_thread = transcript.errors_of.get(first.thread)
    if not of_thread:
        return
    in_chain = {id(line) for line in walked if line.kind is LineKind.API_ERROR}
    since = above.number if above is not None else None
    errors = [
        line for line in of_thread if id(line) in in_chain or (since is not None and since < line.number < first.number)
    ]
    errors = [line for line in errors if line.at is not None and (first.at is None or line.at <= first.at)]
    if not errors:
        return
    last = max(errors, key=lambda line: line.at or 0.0)
    pairing.attempts = 1 + len(errors)
    if last.at is None or (pairing.trigger_at is not None and last.at < pairing.trigger_at):
        return
    again_at = last.at + (last.retry_s or 0.0)
    pairing.sent_at = last.at if first.at is not None and again_at > first.at else again_at
    pairing.sent_source = "retry_adjusted"


def _apply_requests(transcript: Transcript, pairing: Pairing, above: Line | None, response: Response) -> None:
    """Request lines, one per attempt, give the send time itself and the attempts before it."""
    if not transcript.requests:
        return
    request = transcript.requests.get(response.request_ref or "")
    if request is None or request.at is None:
        return
    pairing.sent_at, pairing.sent_source = request.at, "api_request_line"
    since = above.number if above is not None else -1
    lost: list[Line] = []
    for earlier in transcript.requests_before(request):
        if earlier.number < since or earlier.request_id in transcript.referenced:
            break
        lost.append(earlier)
    pairing.lost_requests = tuple(line.request_id for line in lost if line.request_id)
    pairing.attempts = max(pairing.attempts, 1 + len(lost))
    if lost and request.max_tokens is not None and lost[0].max_tokens is not None:
        pairing.fell_back = request.max_tokens < lost[0].max_tokens
