"""Kilo's command line and new extension: OpenCode's database under another name."""

from __future__ import annotations

from collections.abc import Iterator

from latprof.formats.base import Format, Source
from latprof.formats.opencode import FORMAT as OPENCODE
from latprof.formats.opencode.tables import has_tables, is_of_kilo, read_tables, standings_of_tables
from latprof.model import Call, Problem

__all__ = ["FORMAT"]


def _sniff(path: str, head: bytes) -> bool:
    """The same tables as OpenCode's; the place tells."""
    return has_tables(head) and is_of_kilo(path)


def _read(source: Source) -> Iterator[Call | Problem]:
    return read_tables("kilo", source)


FORMAT = Format(
    name="kilo",
    title="Kilo Code (CLI)",
    agent="kilo",
    roots=("~/.local/share/kilo/kilo*.db",),
    env_roots={"KILO_DB": "", "XDG_DATA_HOME": "kilo/kilo*.db"},
    suffixes=(".db",),
    observes=OPENCODE.observes,
    marks=(b"SQLite format 3\x00",),
    sniff=_sniff,
    read=_read,
    tail=standings_of_tables,
    shape="database",
)
