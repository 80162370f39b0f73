"""Text -> text of the same length that tells nothing; ids -> other ids, the same ones wherever they stand.

What may stay is what the readers of latprof themselves name (their own literals are public), numbers, times,
and the names of models and tools. A salt that is thrown away makes the other ids.
"""

from __future__ import annotations

import ast
import hashlib
import re
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Final

import latprof.formats

__all__ = ["Masker", "known_words"]

_TOKEN: Final = re.compile(r"[A-Za-z0-9]+")
_ID: Final = re.compile(r"\S{1,400}")
_NUMBER: Final = re.compile(r"[-+]?\d{1,19}(\.\d{0,20})?([eE][-+]?\d{1,3})?")
_TIME: Final = re.compile(r"\d{4}-\d\d-\d\d([T _]\d\d[:-]\d\d([:-]\d\d([.,]\d{1,9})?)?( ?[-+]\d\d:?\d\d|Z| ?UTC)?)?")
# Parts of stamps in file names: years, days, minutes, epoch s and ms, and the day and hour of an ISO time.
_PART_OF_TIME: Final = re.compile(r"\d{1,2}|20\d\d(\d{4})?|1\d{9}|1\d{12}|\d\dT\d\d|\d\d\dZ|\d{8}T\d{6}Z?")
# Names of fields in the patterns by which readers know their files.
_QUOTED: Final = re.compile(r'"([\w.:-]{2,60})\\?"')
_SNAKE: Final = re.compile(r"[a-z]{2,20}(?:_[a-z]{2,20})+")
_LITERAL_INSIDE: Final = 9
_ESCAPED: Final = frozenset('"\\')
_HEX: Final = re.compile(r"[0-9a-f]+")


@cache
def known_words() -> frozenset[str]:
    """Every text that the readers' own code compares with, looks up or cuts off; docstrings are none."""
    words: set[str] = set()
    for path in Path(latprof.formats.__file__).parent.rglob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        said = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and id(node) not in said:
                words |= _texts(node.value)
    return frozenset(words)


def _texts(value: object) -> set[str]:
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    return (
        {value, value.strip('"'), *_QUOTED.findall(value), *_SNAKE.findall(value)} if isinstance(value, str) else set()
    )


@cache
def _parts_of_names() -> frozenset[str]:
    """Words inside the names that readers know: `agent-*.meta.json` has agent, meta and json."""
    names = (word for word in known_words() if not re.search(r"\s", word))
    return frozenset({"ui", "api", *(part for word in names for part in _TOKEN.findall(word) if len(part) > 1)})


@cache
def _phrases() -> re.Pattern[str]:
    """Phrases that readers look for inside texts."""
    chosen = [word for word in known_words() if len(word) >= _LITERAL_INSIDE and re.search(r"[\s<\[]", word)]
    return re.compile("|".join(re.escape(word) for word in sorted(chosen, key=len, reverse=True)))


@dataclass(slots=True)
class Masker:
    """Masks by one salt: the same id gets the same other id in every file.

    `stay` are the names by which calls are grouped.
    """

    salt: bytes
    stay: set[str] = field(default_factory=set)
    _ids: dict[str, str] = field(default_factory=dict)
    _used: set[str] = field(default_factory=set)

    def text(self, value: str) -> str:
        """Same number of characters and bytes, same white space; phrases that readers know stay."""
        if not value:
            return value
        parts: list[str] = []
        end = 0
        for match in _phrases().finditer(value):
            parts += [_blank(value[end : match.start()]), match.group()]
            end = match.end()
        return "".join([*parts, _blank(value[end:])])

    def identifier(self, value: str, *, known: bool = True) -> str:
        """Each part between signs becomes another of the same kind of characters; times stay."""
        parts = _parts_of_names() if known else frozenset[str]()
        return _TOKEN.sub(lambda match: self._token(match.group(), parts), self._plain(value))

    def value(self, value: str, *, public: bool) -> str:
        """One text of a record: times and numbers stay, where it is public also what readers know."""
        if public and value in self.stay:
            return value
        if not value or _TIME.fullmatch(value) or (public and (value in known_words() or _NUMBER.fullmatch(value))):
            return value
        if _ID.fullmatch(value) and public:
            return self.identifier(value, known="/" not in value and "\\" not in value)
        return self.text(value)

    def key(self, name: str) -> str:
        """A name of a field: those that readers know stay, others may be paths or words of a user."""
        return name if name in known_words() or _NUMBER.fullmatch(name) else self.identifier(name, known=False)

    def path(self, part: str) -> str:
        """One folder or file name."""
        return part if part in known_words() else self.identifier(part)

    def _plain(self, value: str) -> str:
        return "".join(sign if sign.isascii() else _sign(sign) for sign in value)

    def _token(self, token: str, parts: frozenset[str]) -> str:
        if token in parts or token.rstrip("0123456789.") in parts or _PART_OF_TIME.fullmatch(token):
            return token
        if token not in self._ids:
            self._ids[token] = self._unused(token)
        return self._ids[token]

    def _unused(self, token: str) -> str:
        for attempt in range(10_000):
            other = _of_same_kind(token, hashlib.sha512(self.salt + f"{attempt}/{token}".encode()).digest())
            if other not in self._used and other != token:
                break
        self._used.add(other)
        return other


def _of_same_kind(token: str, digest: bytes) -> str:
    hexadecimal = _HEX.fullmatch(token) is not None
    stream = digest * (len(token) // len(digest) + 1)
    return "".join(_letter(sign, byte, hexadecimal=hexadecimal) for sign, byte in zip(token, stream, strict=False))


def _letter(sign: str, byte: int, *, hexadecimal: bool) -> str:
    if sign.isdigit():
        return "0123456789"[byte % 10]
    if hexadecimal:
        return "abcdef"[byte % 6]
    return chr((97 if sign.islower() else 65) + byte % 26)


def _blank(text: str) -> str:
    return "".join(_sign(sign) for sign in text)


def _sign(sign: str) -> str:
    """A sign that tells nothing, with as many bytes in UTF-8; white space stays, and what takes two signs in JSON."""
    if sign.isspace() or sign in _ESCAPED or not sign.isprintable():
        return sign
    code = ord(sign)
    return "x" if code < 0x80 else "é" if code < 0x800 else "語" if code < 0x10000 else "\U0001f642"
