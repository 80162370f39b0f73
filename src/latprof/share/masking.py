"""Text -> text of the same size that tells nothing; ids -> other ids, the same ones wherever they stand.

What may stay is what the readers of latprof name themselves (their own literals are public), numbers, times,
and the names of models and tools. A salt that is thrown away makes the other ids.
"""

from __future__ import annotations

import re
from dataclasses import field
from functools import cached_property
from typing import Final

from latprof.classes import dataclass
from latprof.share.ids import UNIT, Ids
from latprof.share.known import beginnings, known_words, parts_of_names, phrases

__all__ = ["TIME", "Masker"]

_ID: Final = re.compile(r"\S{1,400}")
# Counts, and times since 1970 in units down to the nanosecond; longer numbers are those of accounts and phones.
_NUMBER: Final = re.compile(r"[-+]?(\d{1,9}|1\d{9}|1\d{12}|1\d{15}|1\d{18})(\.\d{0,20})?([eE][-+]?\d{1,3})?")
TIME: Final = re.compile(r"\d{4}-\d\d-\d\d([T _]\d\d[:-]\d\d([:-]\d\d([.,]\d{1,9})?)?( ?[-+]\d\d:?\d\d|Z| ?UTC)?)?")
# Three numbers at most: four are the address of a host.
_VERSION: Final = re.compile(r"v?\d{1,6}(\.\d{1,8}){1,2}")
# What a program says of itself to a server: its name, its version.
_PROGRAM: Final = re.compile(
    r"((?:user-agent: ?)?[a-z][a-z_-]{1,40})(/v?\d{1,6}(?:\.\d{1,8}){0,2})?(?=$|[ ;(])", re.IGNORECASE
)
_WORD: Final = re.compile(r"[A-Z]?[a-z]+")
_MODEL_TAG: Final = re.compile(r"(<model>\s*)([\w./:@+-]{1,120})(\s*</model>)")
# Parts of stamps in file names: years, days, minutes, epoch s and ms, and the day and hour of an ISO time.
_PART_OF_TIME: Final = re.compile(r"\d{1,2}|20\d\d(\d{4})?|1\d{9}|1\d{12}|\d\dT\d\d|\d\d\dZ|\d{8}T\d{6}Z?")
_DECIMAL: Final = re.compile(r"-?\d+(\.\d+)?")
_DIGIT: Final = re.compile(r"\d")
_ESCAPED: Final = frozenset('"\\')


class _Signs(dict[int, str]):
    """A sign -> one that tells nothing, with as many bytes in UTF-8 and as many signs in JSON."""

    def __missing__(self, code: int) -> str:
        self[code] = _sign(chr(code))
        return self[code]


_SIGNS: Final = _Signs()


@dataclass
class Masker:
    """Masks by one salt: the same id gets the same other id in every file.

    `stay` are the names by which calls are grouped.
    """

    salt: bytes
    stay: set[str] = field(default_factory=set)

    @cached_property
    def ids(self) -> Ids:
        """All ids of the run."""
        return Ids(self.salt)

    @cached_property
    def _names(self) -> frozenset[str]:
        return frozenset(name.casefold() for name in self.stay)

    def settle(self) -> None:
        """From now on ids become others; before, they were only looked at."""
        self.ids.settle(
            {*parts_of_names(), *(unit for unit in self.ids.ordered if len(unit) == 1 or _PART_OF_TIME.fullmatch(unit))}
        )

    @staticmethod
    def number(value: float) -> float:
        """A number that people or models wrote: as many digits, all of them ones, if there are more than two."""
        written = repr(value)
        return value if len(written) < 3 or not _DECIMAL.fullmatch(written) else type(value)(_DIGIT.sub("1", written))

    def text(self, value: str) -> str:
        """Same number of characters and bytes, same lines; phrases that readers know stay."""
        if not value:
            return value
        parts: list[str] = []
        end = 0
        for match in phrases().finditer(value):
            if match.start() < end:
                continue
            tag = _MODEL_TAG.match(value, match.start())
            kept = tag if tag and self.is_name(tag[2]) else match
            parts += [_blank(value[end : kept.start()]), kept.group()]
            end = kept.end()
        return "".join([*parts, _blank(value[end:])])

    def identifier(self, value: str, *, known: bool = True) -> str:
        """Each part between signs becomes another of the same kind of characters; times stay."""
        parts = parts_of_names() if known else frozenset[str]()
        return UNIT.sub(lambda match: self._unit(match.group(), parts), _plain(value))

    def value(self, value: str, *, public: bool) -> str:
        """One text of a record: times and numbers stay, where it is public also what readers know."""
        if not value or TIME.fullmatch(value):
            return value
        if public and (value in known_words() or _NUMBER.fullmatch(value) or self.is_name(value)):
            return value
        if public and _VERSION.fullmatch(value):
            return value
        if public and (program := _PROGRAM.match(value)) and _is_known_program(program[1]):
            return program.group() + self.text(value[program.end() :])
        if _ID.fullmatch(value) and public:
            known = "/" not in value and "\\" not in value
            begin = match.end() if known and (match := beginnings().match(value)) else 0
            return value[:begin] + self.identifier(value[begin:], known=known)
        return self.text(value)

    def is_name(self, value: str) -> bool:
        """Whether it is a name of a model, tool, provider or version that calls are grouped by, in any case."""
        return value in self.stay or value.casefold() in self._names

    def key(self, name: str) -> str:
        """A name of a field: those that readers know stay, others may be paths or words of a user."""
        if name in known_words() or _NUMBER.fullmatch(name) or _is_made_of(name, parts_of_names()):
            return name
        return self.identifier(name, known=False)

    def path(self, part: str) -> str:
        """One folder or file name."""
        return part if part in known_words() else self.identifier(part)

    def _unit(self, unit: str, parts: frozenset[str]) -> str:
        if len(unit) == 1 or _PART_OF_TIME.fullmatch(unit) or (parts and _is_known(unit, parts)):
            if self.ids.looking:
                self.ids.keep(unit)
            return unit
        if self.ids.looking:
            self.ids.look(unit)
            return unit
        return self.ids.of(unit)


def _is_known(unit: str, parts: frozenset[str]) -> bool:
    """Whether readers know the word, also with a number behind it or, as LiteLLM names its calls, an a before it."""
    return unit in parts or unit.rstrip("0123456789") in parts or (unit[0] == "a" and unit[1:] in parts)


def _is_made_of(name: str, parts: frozenset[str]) -> bool:
    """Whether a field's name is put together of words that readers know, such as output_reasoning_tokens."""
    words = _WORD.findall(name)
    return (
        len(words) > 1
        and "".join(words) == re.sub(r"[_.-]", "", name)
        and all(word in parts or word.lower() in parts for word in words)
    )


def _is_known_program(name: str) -> bool:
    return name.casefold().removeprefix("user-agent:").strip() in known_words()


def _plain(value: str) -> str:
    return value if value.isascii() else "".join(sign if sign.isascii() else _sign(sign) for sign in value)


def _blank(text: str) -> str:
    """Spaces inside become signs too, so that words cannot be told by their lengths; those at the ends stay."""
    inner = text.strip()
    begin = len(text) - len(text.lstrip())
    masked = inner.translate(_SIGNS)
    return text[:begin] + masked + text[begin + len(inner) :]


def _sign(sign: str) -> str:
    if (sign.isspace() and sign != " ") or sign in _ESCAPED or not sign.isprintable():
        return sign
    code = ord(sign)
    return "x" if code < 0x80 else "é" if code < 0x800 else "語" if code < 0x10000 else "\U0001f642"
