"""Chat sessions of VS Code with GitHub Copilot (`.../User/workspaceStorage/*/chatSessions/*.json(l)`).

They hold what the user asked, not the calls of the model: one call stands for the first of each
request. When something was first shown is known; the end only where the request was one call.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from latprof.formats.base import Format, Source
from latprof.formats.providers import provider_of
from latprof.formats.records import (
    Record,
    count_of,
    dict_of,
    json_document,
    json_lines,
    list_of,
    number_of,
    seconds_of,
    text_of,
)
from latprof.formats.vscode_places import USER_FOLDERS
from latprof.model import LONG_GAP_S, Call, Problem

__all__ = ["FORMAT"]

_AGENT: Final = "vscode-chat"
_LOG: Final = re.compile(rb'^\s*\{\s*"kind"\s*:\s*0\s*,\s*"v"\s*:\s*\{')
_DOCUMENT: Final = re.compile(
    rb'^\s*\{\s*"(?:version|requesterUsername|responderUsername|initialLocation|creationDate)"\s*:'
)
_NAMES: Final = (b'"requesterUsername"', b'"responderUsername"', b'"initialLocation"')
# Cancelled and failed, as numbers of the editor's own enumeration.
_BROKEN_STATES: Final = (2, 3)
_TOOL_PARTS: Final = frozenset({"prepareToolInvocation", "toolInvocation", "toolInvocationSerialized"})
_SET, _PUSH, _DELETE = 1, 2, 3


def _sniff(_: str, head: bytes) -> bool:
    """A document or a log of changes whose session has the editor's own names."""
    text = head.removeprefix(b"\xef\xbb\xbf")
    if _LOG.match(text):
        return b'"creationDate"' in text and b'"sessionId"' in text
    return bool(_DOCUMENT.match(text)) and b'"requests"' in text and any(name in text for name in _NAMES)


def _read(source: Source) -> Iterator[Call | Problem]:
    """One call per request of the user that got an answer; the others become problems."""
    problems: list[Problem] = []
    with_changes = _LOG.match(_start(source))
    session = _replayed(source, problems) if with_changes else json_document(source, problems)
    project = _project(source)
    seen: set[str] = set()
    calls: list[Call] = []
    for request in list_of(session, "requests"):
        key = text_of(request, "requestId")
        at = seconds_of(request.get("timestamp"), unit=0.001) if isinstance(request, dict) else None
        if key is None or key in seen:
            if key is None:
                problems.append(Problem("bad_record", source.path, None, "no request id"))
            continue
        seen.add(key)
        if _is_unanswered(request):
            problems.append(Problem("request_without_response", source.path))
        else:
            calls.append(_call(request, key, at, text_of(session, "sessionId") or "", project))
    yield from problems
    yield from calls


def _start(source: Source) -> bytes:
    try:
        return source.head()
    except Exception:  # noqa: BLE001 - reading it in full says what is wrong
        return b""


def _replayed(source: Source, problems: list[Problem]) -> Any:
    """The session after all changes of the log."""
    session: Any = None
    for number, change in json_lines(source, problems):
        if change.get("kind") == 0:
            session = change.get("v")
        elif not _apply(session, change):
            problems.append(Problem("bad_record", source.path, number, "a change of what is not there"))
    return session


def _apply(session: Any, change: Record) -> bool:
    """Make one change; false when its place does not exist."""
    kind, path = change.get("kind"), change.get("k")
    if kind not in (_SET, _PUSH, _DELETE) or not isinstance(path, list) or not path:
        return False
    if kind == _PUSH:
        return _push(_at(session, path), change)
    parent, key = _at(session, path[:-1]), path[-1]
    if isinstance(parent, dict) and isinstance(key, str):
        if kind == _SET and "v" in change:
            parent[key] = change["v"]
        else:
            parent.pop(key, None)
        return True
    if isinstance(parent, list) and type(key) is int and 0 <= key < len(parent):
        parent[key] = change.get("v")
        return True
    return False


def _push(target: Any, change: Record) -> bool:
    """Cut a list to a length, then add to it."""
    if not isinstance(target, list):
        return False
    length = change.get("i")
    if type(length) is int and length >= 0:
        del target[length:]
    target.extend(list_of(change, "v"))
    return True


def _at(session: Any, path: list[Any]) -> Any:
    value = session
    for key in path:
        if isinstance(value, dict) and isinstance(key, str):
            value = value.get(key)
        elif isinstance(value, list) and type(key) is int and 0 <= key < len(value):
            value = value[key]
        else:
            return None
    return value


def _is_unanswered(request: Record) -> bool:
    """Nothing is known of an answer: still waiting as the file was written, or failed before any."""
    result = dict_of(request, "result")
    return not result or ("errorDetails" in result and _first_s(result) is None)


def _call(request: Record, key: str, at: float | None, session: str, project: str | None) -> Call:
    """The first call of a request; with its end and its tokens where it was the only one."""
    result = dict_of(request, "result")
    call = Call(
        agent=_AGENT,
        session_id=session,
        message_id=key,
        project=project,
        trigger="user",
        trigger_at=at,
        sent_at=at,
        sent_source=None if at is None else "record_created",
        attempts=None,
        stated_id=f"{_AGENT}/{key}",
    )
    _name_model(call, request)
    first = _first_s(result)
    if at is not None and first is not None:
        call.first_output_at, call.first_output_source = at + first, "first_shown"
    if _is_broken(request):
        call.flags = ("interrupted",)
    elif _is_one_call(request):
        _finish(call, result, at)
    return call


def _name_model(call: Call, request: Record) -> None:
    """What answered before what was chosen; `auto` is no model."""
    chosen = text_of(request, "modelId")
    vendor, _, name = (chosen or "").rpartition("/")
    call.requested_model = chosen
    call.model = text_of(request, "result", "metadata", "resolvedModel") or (name if name not in {"", "auto"} else None)
    call.provider = "github.copilot" if vendor == "copilot" else provider_of(vendor)


def _first_s(result: Record) -> float | None:
    first, total = _timing(result, "firstProgress"), _timing(result, "totalElapsed")
    return None if first is None or (total is not None and first > total) else first


def _timing(result: Record, name: str) -> float | None:
    milliseconds = number_of(result, "timings", name)
    return milliseconds / 1000 if milliseconds is not None and milliseconds > 0 else None


def _is_one_call(request: Record) -> bool:
    """One round without tools; where rounds are not listed, no tool in the answer."""
    rounds = list_of(request, "result", "metadata", "toolCallRounds")
    if rounds:
        return len(rounds) == 1 and not list_of(rounds[0], "toolCalls")
    return not any(text_of(part, "kind") in _TOOL_PARTS for part in list_of(request, "response"))


def _finish(call: Call, result: Record, at: float | None) -> None:
    total = _timing(result, "totalElapsed")
    if at is not None and total is not None:
        call.last_output_at, call.last_output_source = at + total, "record_written"
        call.flags = ("suspended",) if total > LONG_GAP_S else ()
    call.input_tokens = count_of(result, "metadata", "promptTokens") or None
    call.output_tokens = count_of(result, "metadata", "outputTokens") or None
    call.output_tokens_source = "usage" if call.output_tokens else None


def _is_broken(request: Record) -> bool:
    state = request.get("modelState")
    value = state.get("value") if isinstance(state, dict) else state
    return request.get("isCanceled") is True or value in _BROKEN_STATES or "errorDetails" in dict_of(request, "result")


def _project(source: Source) -> str | None:
    """The folder that the editor had open, named beside the folder of the sessions."""
    beside = source.beside("../workspace.json")
    uri = text_of(json_document(beside, []), "folder") if beside is not None else None
    if uri is None:
        return None
    try:
        return unquote(urlsplit(uri).path) or None
    except ValueError:
        return None


FORMAT = Format(
    name="vscode-chat",
    title="VS Code chat (GitHub Copilot)",
    agent=_AGENT,
    roots=tuple(
        f"{home}/{below}"
        for home in USER_FOLDERS
        for below in ("workspaceStorage/*/chatSessions", "globalStorage/emptyWindowChatSessions")
    ),
    env_roots={"VSCODE_PORTABLE": "user-data/User/workspaceStorage/*/chatSessions"},
    suffixes=(".json", ".jsonl"),
    observes={
        "first_block_s": "bound",
        "wall_s": "bound",
        "wall_tps": "bound",
        "output_tokens": "exact",
        "input_tokens": "exact",
    },
    marks=(b'"creationDate"', b'"requests"'),
    sniff=_sniff,
    read=_read,
    shape="document",
    evidence="synthetic",
)
