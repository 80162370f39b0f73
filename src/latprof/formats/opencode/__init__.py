"""OpenCode's database (`opencode.db`, from 1.2 on).

Each part of an answer has a row that is made when the part begins, so the first output of every
call is known. The send time is in a text log beside the database; without it only the creation
of the message is known, which comes before the preparations for the request.
"""

from __future__ import annotations

from collections.abc import Iterator

from latprof.formats.base import Format, Source
from latprof.formats.opencode.tables import has_tables, is_of_kilo, read_tables, standings_of_tables
from latprof.model import Call, Problem

__all__ = ["FORMAT"]


def _sniff(path: str, head: bytes) -> bool:
    """Told by the tables of the database and their columns."""
    return has_tables(head) and not is_of_kilo(path)


def _read(source: Source) -> Iterator[Call | Problem]:
    return read_tables("opencode", source)


FORMAT = Format(
    name="opencode",
    title="OpenCode",
    agent="opencode",
    roots=("~/.local/share/opencode/opencode*.db",),
    env_roots={"OPENCODE_DB": "", "XDG_DATA_HOME": "opencode/opencode*.db"},
    suffixes=(".db",),
    observes={
        "first_block_s": "bound",
        "wall_s": "bound",
        "wall_tps": "bound",
        "decode_tps": "exact",
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
    marks=(b"SQLite format 3\x00",),
    sniff=_sniff,
    read=_read,
    tail=standings_of_tables,
    shape="database",
    evidence="recorded",
    since={"attempts": "1.18.33", "decode_tps": "1.3.14"},
)
