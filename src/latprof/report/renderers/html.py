"""One HTML file that brings all it needs: styles, drawings, a little script; nothing is fetched."""

from __future__ import annotations

import base64
import hashlib
import re
from functools import cache
from importlib import metadata, resources
from typing import TYPE_CHECKING, Any, Final

from latprof.report.document import Document, Note, Plot
from latprof.report.renderers.base import Renderer, Screen
from latprof.units import printable

if TYPE_CHECKING:
    from jinja2 import Template
    from markupsafe import Markup

__all__ = ["RENDERER"]

_UNIT: Final = re.compile(r"(?<=\d) (?=(?:%|s|h|min|tok/s)(?!\w))|(?<=[≤≥]) (?=\d)")


def _render(document: Document, _: Screen) -> str:
    from markupsafe import Markup

    from latprof.report.svg import NARROW, WIDE

    style, script = _style(), _asset("assets", "report.js")
    return _template().render(
        document=document,
        version=metadata.version("latprof"),
        wide=WIDE,
        narrow=NARROW,
        style=Markup(style),  # noqa: S704 - our own file
        style_hash=_hash(style),
        script=Markup(script),  # noqa: S704 - our own file
        script_hash=_hash(script),
    )


@cache
def _template() -> Template:
    """The page; every text that is put in is escaped, and what cannot be printed becomes a mark."""
    from jinja2 import Environment, FunctionLoader, StrictUndefined
    from markupsafe import Markup

    from latprof.report.svg import svg

    environment = Environment(
        loader=FunctionLoader(lambda name: _asset("templates", name)),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_printable,
        keep_trailing_newline=True,
    )
    # The drawing is escaped by its writer.
    environment.filters["drawing"] = lambda plot, width: Markup(svg(plot, width))  # noqa: S704
    environment.filters["indented"] = _indented
    environment.filters["tied"] = lambda text: _tied(printable(text))
    environment.tests["plot"] = lambda item: isinstance(item, Plot)
    environment.tests["note"] = lambda item: isinstance(item, Note)
    return environment.get_template("report.html")


def _printable(value: Any) -> Any:
    from markupsafe import Markup

    return printable(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _indented(text: str) -> Markup:
    """Spaces at the begin say that a row is part of one above; only those that do not break are drawn."""
    from markupsafe import Markup

    rest = text.lstrip(" ")
    return Markup("&nbsp;" * (len(text) - len(rest))) + _tied(printable(rest))  # noqa: S704 - our own text


def _tied(text: str) -> Markup:
    """A number, its sign and its unit stay on one line."""
    from markupsafe import Markup, escape

    return Markup(_UNIT.sub("&nbsp;", str(escape(text))))  # noqa: S704 - escaped before


def _style() -> str:
    from latprof.report.svg import PLOT_CSS, theme_css

    light, dark = theme_css("light"), theme_css("dark")
    colours = (
        f":root {{ {light} }}\n"
        f"@media (prefers-color-scheme: dark) {{ :root {{ {dark} }} }}\n"
        f':root[data-theme="light"] {{ color-scheme: light; {light} }}\n'
        f':root[data-theme="dark"] {{ color-scheme: dark; {dark} }}\n'
        f"@media print {{ :root, :root[data-theme] {{ color-scheme: light; {light} }} }}\n"
    )
    return colours + _asset("assets", "report.css") + PLOT_CSS


@cache
def _asset(folder: str, name: str) -> str:
    return resources.files("latprof.report").joinpath(folder, name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    """What a content security policy calls this text."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


RENDERER = Renderer(name="html", suffix=".html", render=_render)
