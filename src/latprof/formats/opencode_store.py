"""OpenCode's store before its database (up to 1.1): a file each for sessions, messages and parts.

The session's file stands for all of them. The store is left where it was when a newer version
takes it into its database, under the same ids.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import orjson

from latprof.formats.base import Format, Source
from latprof.formats.opencode.calls import calls_of
from latprof.formats.opencode.parts import Message, Part, Session
from latprof.formats.opencode.textlog import Sendings
from latprof.formats.records import Record, json_document, text_of
from latprof.model import Call, Problem

__all__ = ["FORMAT", "read_store"]

# Messages and parts of a session, from its file: `session/<project>/` and, before it, `session/info/`.
_LAYOUTS: Final = (
    ("../../message/{session}", "../../part/{message}"),
    ("../message/{session}", "../part/{session}/{message}"),
)
_DEPTH: Final = 20


def _sniff(path: str, head: bytes) -> bool:
    """A session's description: its id, version and times, and nothing of a message."""
    try:
        record = orjson.loads(head.removeprefix(b"\xef\xbb\xbf"))
    except orjson.JSONDecodeError:
        return False
    if not isinstance(record, dict) or _is_of_kilo(path):
        return False
    times = record.get("time")
    return (
        (text_of(record, "id") or "").startswith("ses_")
        and text_of(record, "version") is not None
        and isinstance(times, dict)
        and "created" in times
        and "messages" not in record
    )


def _is_of_kilo(path: str) -> bool:
    return "kilo" in path.replace("\\", "/").split("/")


def _read(source: Source) -> Iterator[Call | Problem]:
    return read_store("opencode", source)


def read_store(agent: str, source: Source) -> Iterator[Call | Problem]:
    """Calls of one session from the files beside its own."""
    problems: list[Problem] = []
    info = json_document(source, problems)
    yield from problems
    identity = text_of(info, "id")
    if identity is None:
        return
    parent = text_of(info, "parentID")
    session = Session(identity, parent, text_of(info, "version"), text_of(info, "directory"))
    session.root_id = _root(source, identity, parent)
    problems = []
    messages = list(_messages(source, identity, problems))
    yield from problems
    yield from calls_of(agent, source.path, session, messages, Sendings())


def _root(source: Source, identity: str, parent: str | None) -> str:
    """The session that a person began; each parent's file lies beside."""
    root = identity
    for _ in range(_DEPTH):
        if parent is None:
            break
        root = parent
        above = source.beside(f"{root}.json") if "/" not in root else None
        parent = None if above is None else text_of(json_document(above, []), "parentID")
    return root


def _messages(source: Source, session: str, problems: list[Problem]) -> Iterator[Message]:
    for messages, parts in _LAYOUTS:
        folder = messages.format(session=session)
        for _, record in _records(source, folder, problems):
            identity = text_of(record, "id")
            if identity is None or "metadata" in record:
                # The oldest layout keeps parts and times inside the message, in other words.
                problems.append(Problem("bad_record", source.path, None, "a message of another layout"))
                continue
            message = Message(identity, session, record)
            below = parts.format(session=session, message=identity)
            message.parts = [Part(name, part) for name, part in _records(source, below, problems) if name]
            yield message


def _records(source: Source, folder: str, problems: list[Problem]) -> Iterator[tuple[str, Record]]:
    """The JSON files of a folder beside, with their ids."""
    for name in source.names_beside(folder):
        other = source.beside(f"{folder}/{name}") if name.endswith(".json") else None
        record = None if other is None else json_document(other, problems)
        if isinstance(record, dict):
            yield text_of(record, "id") or name.removesuffix(".json"), record


FORMAT = Format(
    name="opencode-store",
    title="OpenCode before 1.2",
    agent="opencode",
    roots=("~/.local/share/opencode/storage/session", "~/.local/share/opencode/project/*/storage/session"),
    env_roots={"XDG_DATA_HOME": "opencode/storage/session"},
    suffixes=(".json",),
    observes={
        "first_block_s": "bound",
        "wall_s": "bound",
        "wall_tps": "bound",
        "as_logged_ttft_s": "as_logged",
        "as_logged_decode_tps": "as_logged",
        "input_tokens": "exact",
        "cache_read_tokens": "exact",
        "cache_write_tokens": "exact",
        "output_tokens": "exact",
        "reasoning_tokens": "exact",
        "cache_hit_share": "exact",
        "tool_s": "bound",
        "attempts": "bound",
    },
    marks=(b'"ses_',),
    sniff=_sniff,
    read=_read,
    shape="document",
    evidence="synthetic",
)
