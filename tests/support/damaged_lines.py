"""Lines of Claude Code transcripts of all shapes, and ways to damage them."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable
from typing import Any, Final

STAMP: Final = "2026-03-02T10:00:05.250Z"
_CHAIN: Final = {
    "parentUuid": "u0", "isSidechain": False, "userType": "external", "cwd": "/home/dev/é", "sessionId": "s1",
    "version": "2.1.150", "gitBranch": "main", "uuid": "u1", "timestamp": STAMP,
}  # fmt: skip
_USAGE: Final = {
    "input_tokens": 3, "cache_creation_input_tokens": 100, "cache_read_input_tokens": 1000, "output_tokens": 50,
    "cache_creation": {"ephemeral_5m_input_tokens": 70, "ephemeral_1h_input_tokens": 40}, "service_tier": "standard",
    "output_tokens_details": {"thinking_tokens": 7}, "server_tool_use": {"web_search_requests": 1}, "speed": "fast",
    "iterations": [{"input_tokens": 1}, {"input_tokens": 2}],
}  # fmt: skip
_BLOCKS: Final[list[dict[str, Any]]] = [
    {"type": "thinking", "thinking": 'long \\ " \n é 😀', "signature": "s=="},
    {"type": "thinking", "thinking": "", "signature": "s=="},
    {"type": "redacted_thinking", "data": "d" * 30},
    {"type": "text", "text": 'words \t \x01 " / \u2028 é 😀'},
    {"type": "text", "text": ""},
    {"type": "tool_use", "id": "t1", "name": "Bash", "input": {"command": "ls\n\x02", "é": [1, -7, True, None, {}]}},
    {"type": "tool_use", "id": "t2", "name": "mcp__a", "input": {"x": 1.50, "y": [1e3, -0.0], "z": {"z": {"z": []}}}},
    {"type": "server_tool_use", "id": "t3", "name": "web_search", "input": None},
    {"type": "mcp_tool_use", "id": "t4", "name": "", "input": "text"},
    {"type": "tool_use", "id": "t5", "name": "Bare"},
    {"type": "image", "source": {"data": "x" * 30}},
]
_RESULT: Final = {"tool_use_id": "t1", "type": "tool_result", "content": [{"type": "text", "text": "x\n" * 40}]}
_TEXTS: Final = (
    "Do it.", "[Request interrupted by user]", "[Request interrupted by user for tool use]",
    "Your response above was cut off mid-stream. Go on.", "Stop hook feedback: no", "<task-notification>done",
    "<teammate-message>hello", "\n[Request interrupted by user", "é", "",
)  # fmt: skip


def _answer(*blocks: Any, **more: Any) -> dict[str, Any]:
    message: dict[str, Any] = {"model": "claude-opus-4-7", "id": "msg_1", "type": "message", "role": "assistant"}
    message |= {"content": list(blocks), "stop_reason": "tool_use", "stop_details": None, "usage": _USAGE}
    return _CHAIN | {"type": "assistant", "message": message, "requestId": "req_1"} | more


def _user(content: Any, **more: Any) -> dict[str, Any]:
    return _CHAIN | {"type": "user", "message": {"role": "user", "content": content}} | more


def usual_records() -> list[dict[str, Any]]:
    """A record of each shape that agents write."""
    block = _BLOCKS[0]
    timed = {"apiBlockIndex": 0, "thinkingDurationMs": 812.5, "effort": "high", "requestRef": "r1"}
    inner = {"type": "user", "message": {"role": "user", "content": "Go"}, "uuid": "i1", "timestamp": STAMP}
    inner_answer = {key: value for key, value in _answer(block).items() if key not in {"sessionId", "version", "cwd"}}
    records = [_answer(item) for item in _BLOCKS]
    records += [_answer(*_BLOCKS), _answer(), _answer(block, **timed), _answer(block, toolInputStreamMs=45)]
    records += [_answer(block, requestedModel="claude-x", agentId="a1"), _answer(block, session_id="s2")]
    records += [_answer(block, isApiErrorMessage=True), _answer(block, isApiErrorMessage=True, truncatedAfterOutput=1)]
    records += [_answer(block) | {"message": _answer(block)["message"] | {"model": "<synthetic>"}}]
    records += [
        _user([_RESULT, _RESULT], toolUseResult={"stdout": "x\n" * 40, "uuid": "no"}),
        _user([None, 3, [_RESULT]]),
    ]
    records += [_user(text) for text in _TEXTS] + [_user([{"type": "text", "text": text}, _RESULT]) for text in _TEXTS]
    records += [_user([{"type": "text", "text": text}]) for text in _TEXTS]
    records += [_user("x", isMeta=True), _user("Stop hook feedback", isMeta=True), _user("x", isCompactSummary=True)]
    records += [_user("x", isMeta=True, turnCompanion=True), _user("x", origin={"kind": "task-notification"})]
    records += [_user("x", sourceToolUseID="t1", interruptedMessageId="msg_1"), _user("x", isSidechain=True)]
    records += [_CHAIN | {"type": "attachment", "attachment": {"type": kind}} for kind in ("hook_x", "queued_command")]
    records += [_CHAIN | {"type": "system", "subtype": "api_error", "retryInMs": wait} for wait in (500, 0.25, -1, 1e9)]
    records += [_CHAIN | {"type": "system", "subtype": "turn_duration"}, _CHAIN | {"type": "later", "data": inner}]
    records += [_CHAIN | {"type": "progress", "data": {"type": kind}} for kind in ("hook_progress", "bash_progress")]
    records += [
        _CHAIN | {"type": "progress", "data": {"message": message, "type": "agent_progress", "agentId": "a1"}}
        for message in (inner, inner_answer, inner_answer | {"version": None}, {"type": "assistant"}, "x", None)
    ]
    records += [_CHAIN | {"type": "api-request", "id": "r1", "params": {"max_tokens": 64000}}]
    records += [{"type": "summary", "summary": "x", "leafUuid": "u1"}, {"type": "queue-operation", "timestamp": STAMP}]
    return records


def usual_lines() -> list[bytes]:
    """The same as lines, with letters beyond ASCII as they are and as escapes."""
    return [
        json.dumps(record, ensure_ascii=escaped, separators=(",", ":")).encode() + b"\n"
        for record in usual_records()
        for escaped in (False, True)
    ]


_ODD: Final = (
    b'"', b"\\", b"\\u", b"\\ud800", b"\\udc00", b"\\ud83d\\ude00", b"\\u0000", b"\\x", b"\x00", b"\x01", b"\x1f",
    b"\x7f", b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xe2\x82", b"\xf0\x9f\x98\x80",
    b"\xc3\xa9", b"\n", b"\r", b"\t", b" ", b"\x0b", b"\xa0", b"\xef\xbb\xbf", b"{", b"}", b"[", b"]", b",", b":",
    b"-", b"0", b".", b"e9", b"1e400", b"9" * 19, b"9" * 400, b"-0", b"NaN", b"Infinity", b"null", b"true", b"{}",
    b"[]", b"[" * 70 + b"]" * 70, b"[" * 1100 + b"]" * 1100, b'{"a":' * 80 + b"1" + b"}" * 80, b'"type":"user",',
    b'"uuid":"u9",', b'"id":"t9",', b'"text":"other",', b'"input":{"a":1,"a":22},', b'"message":{},',
    b'"usage":{"output_tokens":7,"output_tokens":8},', b'"content":[],', b'"timestamp":"2019-02-29T10:00:00.000Z",',
    b'"ty\\u0070e":"system",', b'"type":"us\\u0065r",',
)  # fmt: skip
_VALUES: Final = (
    b"null", b"true", b"false", b"0", b"-0", b"-1", b"7", b"1.5", b"1e3", b"1E-7", b"01", b"1.", b".5", b"-", b"+1",
    b"9007199254740993", b"1000000000000", b"1000000000001", b"9223372036854775807", b"18446744073709551616", b'""',
    b'"x"', b'"\\u00e9"', b'"\\/"', b'"a\\\\b"', b"{}", b"[]", b'{"a":1}', b'{"a":1,"a":0}', b"[1]",
    b'[{"type":"text"}]', b'"2026-03-02T10:00:60.250Z"', b'"2026-02-29T10:00:00.250Z"', b'"2024-02-29T23:59:59.999Z"',
    b'"2026-03-02"', b'"2026-03-02 10:00:05.250Z"', b'"2026-03-02T10:00:05.250+"', b'"2100-01-01T00:00:00.000Z"',
    b'"hook_"',
)  # fmt: skip
_SCALAR: Final = re.compile(rb'(?<=:)(?:"(?:[^"\\]|\\.)*"|[-0-9.eE+]+|true|false|null)')
_PAIR: Final = re.compile(rb'"[a-zA-Z_]+":(?:"(?:[^"\\]|\\.)*"|[-0-9.eE+]+|true|false|null),')


def damaged(raw: bytes, rng: random.Random) -> bytes:
    """The line after one to three changes; most leave JSON behind, or nearly so."""
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        way: Callable[[bytes, random.Random], bytes] = rng.choice(_WAYS)
        raw = way(raw, rng)
    return raw


def _flip(raw: bytes, rng: random.Random) -> bytes:
    at = rng.randrange(len(raw)) if raw else 0
    return raw[:at] + bytes([raw[at] ^ 1 << rng.randrange(8)]) + raw[at + 1 :] if raw else raw


def _cut(raw: bytes, rng: random.Random) -> bytes:
    at = rng.randrange(len(raw) + 1)
    return raw[:at] + (b"\n" if rng.random() < 0.5 else b"")


def _insert(raw: bytes, rng: random.Random) -> bytes:
    at = rng.randrange(len(raw) + 1)
    return raw[:at] + rng.choice(_ODD) + raw[at:]


def _insert_pair(raw: bytes, rng: random.Random) -> bytes:
    """A key more, where a key may stand; often one that is there."""
    places = [match.start() for match in _PAIR.finditer(raw)]
    if not places:
        return raw
    added: bytes = rng.choice([rng.choice(_PAIR.findall(raw)), *[pair for pair in _ODD if pair.endswith(b",")]])
    at = rng.choice(places)
    return raw[:at] + added + raw[at:]


def _replace_value(raw: bytes, rng: random.Random) -> bytes:
    values = list(_SCALAR.finditer(raw))
    if not values:
        return raw
    match = rng.choice(values)
    return raw[: match.start()] + rng.choice(_VALUES) + raw[match.end() :]


def _drop_pair(raw: bytes, rng: random.Random) -> bytes:
    pairs = list(_PAIR.finditer(raw))
    if not pairs:
        return raw
    match = rng.choice(pairs)
    return raw[: match.start()] + raw[match.end() :]


def _remove(raw: bytes, rng: random.Random) -> bytes:
    at = rng.randrange(len(raw) + 1)
    return raw[:at] + raw[at + rng.choice((1, 1, 2, 9)) :]


def _shuffle(raw: bytes, rng: random.Random) -> bytes:
    """Keys of the outermost object in another order."""
    try:
        record = json.loads(raw)
    except (ValueError, RecursionError):
        return raw
    if not isinstance(record, dict):
        return raw
    keys = list(record)
    rng.shuffle(keys)
    try:
        return json.dumps({key: record[key] for key in keys}, ensure_ascii=rng.random() < 0.5).encode() + b"\n"
    except ValueError:
        return raw


_WAYS: Final = (
    _flip,
    _cut,
    _insert,
    _insert,
    _insert_pair,
    _replace_value,
    _replace_value,
    _drop_pair,
    _remove,
    _shuffle,
)
