"""Kimi Code session records (`~/.kimi-code/sessions/*/*/agents/*/wire.jsonl`).

One file per agent. The end of a step states the time to the first token and the duration of the
stream; a line per request gives the send time. All other stamps are of writing, not of arrival.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from latprof.formats.base import Format, Source
from latprof.formats.kimi_code.lines import take
from latprof.formats.kimi_code.steps import Log
from latprof.formats.kimi_code.tail import standings_of
from latprof.formats.records import dict_of, json_document, json_lines, loads_leniently, text_of
from latprof.formats.standing import Standing
from latprof.model import Call, Problem

__all__ = ["FORMAT"]

_PLACE: Final = re.compile(r"(?P<session>[^/\\]+)[/\\]agents[/\\](?P<agent>[^/\\]+)[/\\][^/\\]+$")
_SNIFFED_LINES: Final = 40
_OWN_TYPES: Final = frozenset(
    {"context.append_loop_event", "context.append_message", "llm.request", "profile.bind", "tools.set_active_tools"}
)


def _sniff(_: str, head: bytes) -> bool:
    """Told by content: the dotted types with `time`, or the first line together with one of them."""
    lines = head.removeprefix(b"\xef\xbb\xbf").split(b"\n")[:_SNIFFED_LINES]
    if any(_is_own(raw) for raw in lines):
        return True
    # The first lines may be longer than what is looked at.
    return lines[0].startswith(b'{"type":"metadata","protocol_version":') and b'"created_at":' in lines[0]


def _is_own(raw: bytes) -> bool:
    if not raw.startswith(b"{") or b'"type"' not in raw:
        return False
    try:
        record = loads_leniently(raw)
    except ValueError:
        return False
    return isinstance(record, dict) and text_of(record, "type") in _OWN_TYPES and "time" in record


def _read(source: Source) -> Iterator[Call | Problem]:
    """Calls of one agent's file, in the order in which their steps ended."""
    problems: list[Problem] = []
    log = _log_of(source, problems)
    for number, record in json_lines(source, problems):
        yield from take(log, record, number)
    for line in log.failed:
        yield Problem("failed_attempt", log.path, line)
    yield from problems


def _standings(source: Source) -> tuple[Standing, ...]:
    return standings_of(_log_of(source, []), (record for _, record in json_lines(source, [])))


def _log_of(source: Source, problems: list[Problem]) -> Log:
    """The session is named by its folder, or by the state file two folders up, which also knows the project."""
    place = _PLACE.search(source.path)
    beside = source.beside("../../state.json")
    state = dict_of({"": json_document(beside, problems) if beside else None}, "")
    agent = place["agent"] if place else None
    return Log(
        path=source.path,
        session_id=text_of(state, "id") or (place["session"] if place else ""),
        agent_id=None if agent == "main" else agent,
        project=text_of(state, "cwd") or text_of(state, "workDir"),
        sidechain=text_of(dict_of(state, "agents", agent or ""), "type") == "sub",
    )


FORMAT = Format(
    name="kimi-code",
    title="Kimi Code",
    agent="kimi-code",
    roots=("~/.kimi-code/sessions",),
    env_roots={"KIMI_CODE_HOME": "sessions"},
    suffixes=(".jsonl",),
    observes={
        "ttft_s": "exact",
        "wall_s": "exact or bound",
        "decode_tps": "exact",
        "wall_tps": "exact or bound",
        "output_tokens": "exact",
        "input_tokens": "exact",
        "cache_read_tokens": "exact",
        "cache_write_tokens": "exact",
        "cache_hit_share": "exact",
        "attempts": "bound",
    },
    marks=(
        b'"context.append_',
        b'"llm.request"',
        b'"profile.bind"',
        b'"protocol_version"',
        b'"tools.set_active_tools"',
    ),
    sniff=_sniff,
    read=_read,
    tail=_standings,
    evidence="recorded",
    since={"ttft_s": "0.4", "decode_tps": "0.4", "attempts": "0.23.1"},
)
