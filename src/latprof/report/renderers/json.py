"""The document's data as JSON."""

from __future__ import annotations

import orjson

from latprof.report.document import Document
from latprof.report.renderers.base import Renderer, Screen

__all__ = ["RENDERER"]


def _render(document: Document, _: Screen) -> str:
    return orjson.dumps(document.data, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS).decode() + "\n"


RENDERER = Renderer(name="json", suffix=".json", render=_render)
