"""OpenCode's text log (`log/opencode.log`): when each attempt was sent.

The database holds neither the send time nor failed attempts. The log has a line just before each
request; lines before it tell the session and the message.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import field
from typing import Final

from latprof.classes import dataclass
from latprof.formats.base import Source
from latprof.formats.records import seconds_of

__all__ = ["Sendings", "sendings"]

# Beside the database; or beside its folder, where database and log are kept apart.
_PLACES: Final = ("log/{agent}.log", "../log/{agent}.log")
_WANTED: Final = (b"message=process ", b"message=stream ", b'message="llm runtime selected"')
_PAIR: Final = re.compile(r'(\S+?)=("(?:[^"\\]|\\.)*"|\S*)')


@dataclass(slots=True)
class Sendings:
    """Message -> when its attempts were sent; and the messages that were the first of their process."""

    of: dict[str, list[float]] = field(default_factory=dict)
    first: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class _Stream:
    """A request that is being prepared; small ones, for titles, have no message in the database."""

    session: str
    small: bool
    model: tuple[str, str]
    message: str | None


@dataclass(slots=True)
class _Run:
    """One process: which message each session works at, and the streams that wait for their sending."""

    message_of: dict[str, str] = field(default_factory=dict)
    waiting: list[_Stream] = field(default_factory=list)


def sendings(source: Source, agent: str) -> Sendings:
    """What the log beside a database tells; empty without one."""
    found = Sendings()
    for place in _PLACES:
        log = source.beside(place.format(agent=agent))
        if log is not None:
            runs: dict[str, _Run] = {}
            for line in _lines(log):
                _take(line, runs, found)
            break
    return found


def _lines(log: Source) -> Iterator[dict[str, str]]:
    try:
        with log.open() as stream:
            for raw in stream:
                if any(mark in raw for mark in _WANTED):
                    text = raw.decode("utf-8", "replace")
                    yield {key: value.strip('"') for key, value in _PAIR.findall(text)}
    except Exception:  # noqa: BLE001 - a damaged log beside the database costs send times, nothing else
        return


def _take(line: dict[str, str], runs: dict[str, _Run], found: Sendings) -> None:
    name = line.get("run", "")
    run = runs.setdefault(name, _Run())
    session = line.get("session.id", "")
    match line.get("message"):
        case "process":
            message = line.get("messageID", "")
            if not run.message_of:
                found.first.add(message)
            run.message_of[session] = message
        case "stream":
            small = line.get("small") == "true"
            model = (line.get("providerID", ""), line.get("modelID", ""))
            stream = _Stream(session, small, model, None if small else run.message_of.get(session))
            # One that was never sent must not take the sending of the next.
            run.waiting = [old for old in run.waiting if (old.session, old.small) != (session, small)]
            run.waiting.append(stream)
        case "llm runtime selected":
            _sent(line, run, found)


def _sent(line: dict[str, str], run: _Run, found: Sendings) -> None:
    """Give the line to the oldest stream of its model that waits; the line names no session."""
    at = seconds_of(line.get("timestamp"))
    wanted = (line.get("llm.provider"), line.get("llm.model"))
    for position, stream in enumerate(run.waiting):
        if stream.model == wanted:
            del run.waiting[position]
            if stream.message is not None and at is not None:
                found.of.setdefault(stream.message, []).append(at)
            return
