"""The document's data as JSON."""

from __future__ import annotations

import re
from typing import Final

import orjson

from latprof.report.document import Document
from latprof.report.renderers.base import Renderer, Screen

__all__ = ["RENDERER"]

# What acts on a terminal or turns text around stands only inside strings: controls of C1, directions, separators.
_UNPRINTABLE: Final = re.compile(
    "[\x7f-\x9f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\U000e0000-\U000e007f]"
)


def _render(document: Document, _: Screen) -> str:
    text = orjson.dumps(document.data, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS).decode()
    if text.isascii() and "\x7f" not in text:  # nothing to look for
        return text + "\n"
    return _UNPRINTABLE.sub(_escaped, text) + "\n"


def _escaped(found: re.Match[str]) -> str:
    """The same character as JSON escapes it, a pair of them above U+FFFF."""
    units = found[0].encode("utf-16-be")
    return "".join(f"\\u{units[place]:02x}{units[place + 1]:02x}" for place in range(0, len(units), 2))


RENDERER = Renderer(name="json", suffix=".json", render=_render)
