"""What a renderer is."""

from __future__ import annotations

from collections.abc import Callable

from latprof.classes import dataclass
from latprof.report.document import Document, Table

__all__ = ["Renderer", "Screen", "caption_of"]


@dataclass(frozen=True, slots=True)
class Screen:
    """The place where text is shown: its width in characters, whether colour is welcome.

    `images` is where files of the document's plots lie, as seen from the text: a link, empty without any.
    """

    width: int = 120
    colour: bool = False
    images: str = ""


@dataclass(frozen=True, slots=True)
class Renderer:
    """Draws a document as text. `suffix` chooses it by the name of an output file."""

    name: str
    suffix: str
    render: Callable[[Document, Screen], str]


def caption_of(table: Table, level: int) -> str:
    """The table's own caption, and the names of columns beyond a level of priority, which found no room."""
    gone = [column.title for column in table.columns if column.priority > level]
    missing = f"No room for: {', '.join(gone)}." if gone else ""
    return " ".join(part for part in (table.caption, missing) if part)
