"""Rewrite a log so that it holds the same calls and no text, driven by the file's shape."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields
from typing import Final

from latprof.formats.base import SQLITE_MAGIC, Format, Source
from latprof.ingest.one_file import claimed_by
from latprof.model import Call, Problem
from latprof.share.documents import as_document, masked_value, parsed
from latprof.share.lines import masked_lines
from latprof.share.masking import Masker
from latprof.share.tables import masked_csv, masked_database, masked_parquet

__all__ = ["figures_of", "ids_of", "names_of", "scrubbed_bytes", "shows"]

_STAYING: Final = (
    "agent", "agent_version", "provider", "model", "requested_model", "effort", "speed_mode", "load", "stop_reason",
)  # fmt: skip
_IDS: Final = ("session_id", "message_id", "request_id", "agent_id", "project", "stated_id", "told_by")
_SHOWN: Final = tuple(field.name for field in fields(Call) if field.name not in _IDS)


def names_of(calls: Iterable[object]) -> set[str]:
    """The names that every export shows of a call: of models, tools, versions and the like."""
    names: set[str] = set()
    for call in calls:
        if isinstance(call, Call):
            names |= {text for name in _STAYING if (text := getattr(call, name))}
            names |= {block.name for block in call.blocks if block.name}
    return names


def ids_of(calls: Iterable[object]) -> set[str]:
    """Ids by which calls and sessions are put in order."""
    return {text for call in calls if isinstance(call, Call) for name in _IDS if (text := getattr(call, name))}


def shows(reader: Format, source: Source, figures: list[tuple[str, ...]]) -> bool:
    """Whether the reader takes the file for its own, and finds calls and problems with these figures."""
    try:
        if claimed_by(source, source.head(), [reader]) is None:
            return False
    except Exception:  # noqa: BLE001 - a file that cannot be opened shows no figures
        return False
    return [figures_of(item) for item in reader.read(source)] == figures


def figures_of(item: Call | Problem) -> tuple[str, ...]:
    """What must stay the same of a call or a problem: all but ids and paths."""
    if isinstance(item, Problem):
        return (item.kind, str(item.line))
    return tuple([repr(getattr(item, name)) for name in _SHOWN])


def scrubbed_bytes(source: Source, masker: Masker) -> bytes:
    """The file's bytes without text, unpacked. Raises what damaged files make libraries raise."""
    with source.open() as stream:
        data = stream.read()
    if data.startswith(SQLITE_MAGIC):
        return masked_database(source, masker)
    if data.startswith(b"PAR1"):
        return masked_parquet(data, masker)
    if source.name.removesuffix(".gz").removesuffix(".zst").endswith((".csv", ".tsv")):
        return masked_csv(data, masker)
    try:
        return as_document(masked_value(parsed(data), masker), data)
    except ValueError:
        return masked_lines(data, masker)
