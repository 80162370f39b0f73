"""Options of commands that write calls for others: hashes instead of names, coarse times."""

from __future__ import annotations

import secrets
from pathlib import PurePath
from typing import TYPE_CHECKING, Annotated, Final

import typer

from latprof.classes import dataclass
from latprof.errors import UsageError
from latprof.units import parse_duration_s

if TYPE_CHECKING:
    from latprof.trace import Trace

__all__ = ["Anonymize", "CoarseTimes", "Names", "Salt", "format_by_name"]

# What else the names of such files end in.
_ENDINGS: Final = {"jsonl": (".ndjson",), "parquet": (".pq",)}
# Names that promise no format.
_OF_NO_FORMAT: Final = frozenset({"", ".txt"})

Anonymize = Annotated[
    bool, typer.Option("--anonymize", help="Salted hashes instead of ids, project paths, engineers and hosts.")
]
Salt = Annotated[
    str | None,
    typer.Option(
        metavar="TEXT",
        envvar="LATPROF_SALT",
        help="Secret for the hashes: the same in a team, so that its exports can be merged. [a new one each time]",
    ),
]
CoarseTimes = Annotated[
    str | None,
    typer.Option(metavar="SPAN", help="With --anonymize: let each call start at a full 15m, 1h, 1d; durations stay."),
]


@dataclass(frozen=True, slots=True)
class Names:
    """Whether names become hashes, by which salt, and how coarse times become, s."""

    anonymize: bool
    salt: bytes
    coarse_s: float | None

    @classmethod
    def of(cls, salt: str | None, coarse: str | None, *, anonymize: bool) -> Names:
        """From the options' texts. Raises UsageError."""
        if coarse is not None and not anonymize:
            raise UsageError("--coarse-times works with --anonymize only: give both.")
        try:
            coarse_s = None if coarse is None else parse_duration_s(coarse)
        except ValueError:
            raise UsageError(f"--coarse-times {coarse} is no span of time: write it as 15m, 1h or 1d.") from None
        return cls(anonymize, salt.encode() if salt else secrets.token_bytes(32), coarse_s)

    def applied(self, trace: Trace) -> Trace:
        """The trace as it is to be written."""
        if not self.anonymize:
            return trace
        from latprof.share import anonymous

        return anonymous(trace, self.salt, coarse_s=self.coarse_s)


def format_by_name(name: str | None, output: str | None, known: tuple[str, ...]) -> str:
    """The format by option, by the output's name, else the first one known.

    Raises UsageError for an unknown name, and for a file whose ending promises something else.
    """
    if name is not None:
        if name not in known:
            raise UsageError(f"No format is called {name}: choose from {', '.join(known)}.")
        return name
    plain = (output or "").lower()
    for item in known:
        if plain.endswith((f".{item}", f".{item}.json", *_ENDINGS.get(item, ()))):
            return item
    ending = PurePath(plain).suffix
    if ending not in _OF_NO_FORMAT:
        raise UsageError(f"{output} ends in {ending}, which is no format here: give --format ({', '.join(known)}).")
    return known[0]
