"""What the readers of latprof name themselves: public words, which may stay in a log without text."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Final

import latprof.formats
from latprof import model, trace

__all__ = ["beginnings", "known_words", "parts_of_names", "phrases"]

_TOKEN: Final = re.compile(r"[A-Za-z0-9]+")
# Names of fields in the patterns by which readers know their files.
_QUOTED: Final = re.compile(r'"([\w.:-]{2,60})\\?"')
_SNAKE: Final = re.compile(r"[a-z]{2,20}(?:_[a-z]{2,20})+")
_CAMEL: Final = re.compile(r"[a-z]+(?:[A-Z][a-z]+)+")
# Runs of plain signs in a pattern, such as a sentence that begins a file.
_PLAIN: Final = re.compile(r"[A-Za-z#<\[-][A-Za-z#<> -]{4,60}[A-Za-z>]|<[a-z_]{3,20}>")
_WORD: Final = re.compile(r"(?<!\\)\b[A-Za-z_]{3,40}\b")
_PATTERN: Final = re.compile(r"\\[sdwS]|\(\?|\[\^")
_BEGIN: Final = re.compile(r"[A-Za-z]{3,}")
_PHRASE_SIGNS: Final = 9


def _code() -> Iterator[Path]:
    yield from Path(latprof.formats.__file__).parent.rglob("*.py")
    # The columns of latprof's own exports.
    yield from (Path(trace.__file__), Path(model.__file__))


@cache
def _constants() -> tuple[frozenset[str | bytes], frozenset[str]]:
    """All texts of the readers' code but docstrings, and those of them that are looked for at a beginning."""
    texts: set[str | bytes] = set()
    begins: set[str] = set()
    for path in _code():
        tree = ast.parse(path.read_text(encoding="utf-8"))
        said = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str | bytes) and id(node) not in said:
                texts.add(node.value)
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "startswith":
                begins |= _begins(node)
    return frozenset(texts), frozenset(begins)


def _begins(call: ast.Call) -> set[str]:
    values = [part.value for part in ast.walk(call) if isinstance(part, ast.Constant)]
    return {value for value in values if isinstance(value, str) and _BEGIN.fullmatch(value)}


@cache
def known_words() -> frozenset[str]:
    """Every text that the readers' own code compares with, looks up or cuts off; docstrings are none."""
    return frozenset({*trace.EXPORT_COLUMNS, *(word for text in _constants()[0] for word in _texts(text))} - {""})


def _texts(text: str | bytes) -> set[str]:
    value = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    found = {value, value.strip('"'), *_QUOTED.findall(value), *_SNAKE.findall(value)}
    if _PATTERN.search(value):
        found |= {*_PLAIN.findall(value), *_WORD.findall(value)}
    if "CREATE TABLE" in value:
        found |= set(_WORD.findall(value))
    # Some exports write the same fields in the other spelling.
    snakes = {
        re.sub(r"[A-Z]", lambda sign: "_" + sign.group().lower(), word) for word in found if _CAMEL.fullmatch(word)
    }
    return found | snakes


@cache
def parts_of_names() -> frozenset[str]:
    """Words inside the names that readers know: `agent-*.meta.json` has agent, meta and json."""
    names = (word for word in known_words() if not re.search(r"\s", word))
    return frozenset(
        {"ui", "api", "gz", "zst", *(part for word in names for part in _TOKEN.findall(word) if len(part) > 1)}
    )


@cache
def beginnings() -> re.Pattern[str]:
    """Words by whose beginning readers tell kinds: `text.startswith("User")`."""
    return re.compile("|".join(re.escape(word) for word in sorted(_constants()[1], key=len, reverse=True)))


@cache
def phrases() -> re.Pattern[str]:
    """Phrases that readers look for inside texts, options of commands with their numbers among them."""
    words = [word for word in known_words() if _is_phrase(word)]
    known = "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))
    return re.compile(rf"{known}|--(?:request-)?(?:concurrency|rate)[ =]+[\d.]+")


def _is_phrase(word: str) -> bool:
    if re.fullmatch(r"</?[a-z_]{3,30}>", word):
        return True
    return len(word) >= _PHRASE_SIGNS and re.search(r"[\s<\[]", word) is not None and not _PATTERN.search(word)
