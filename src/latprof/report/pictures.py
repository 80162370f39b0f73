"""The plots of a document as files: SVG, and PNG where the extra for it is installed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from latprof.errors import UsageError
from latprof.report.document import Plot
from latprof.report.svg import THEMES, standalone_svg
from latprof.report.svg.style import FONTS

__all__ = ["PICTURE_FORMATS", "pictures"]

PICTURE_FORMATS: Final = ("svg", "png")
_ZOOM: Final = 2
_LETTERS: Final = (
    f'<svg xmlns="http://www.w3.org/2000/svg" width="40" height="20"><style>text{{font:12px {FONTS}}}</style>%s</svg>'
)


def pictures(plots: Sequence[Plot], formats: Sequence[str]) -> Iterator[tuple[str, bytes]]:
    """Name and bytes of each file. Raises UsageError when PNG is wanted and cannot be made here."""
    if "png" in formats:
        _check_png()
    for plot in plots:
        drawing = standalone_svg(plot)
        if "svg" in formats:
            yield f"{plot.key}.svg", drawing.encode() + b"\n"
        if "png" in formats:
            yield f"{plot.key}.png", _png(drawing)


def _png(drawing: str) -> bytes:
    from resvg_py import svg_to_bytes

    return bytes(svg_to_bytes(svg_string=drawing, zoom=_ZOOM, background=THEMES["light"]["paper"]))


def _check_png() -> None:
    """The program that makes PNG is there, and so are letters to write with."""
    try:
        import resvg_py  # noqa: F401
    except ImportError:
        raise UsageError("PNG needs one more package: pip install 'latprof[png]', or take --plot-format svg.") from None
    if _png(_LETTERS % '<text x="2" y="15">latprof</text>') == _png(_LETTERS % ""):
        raise UsageError(
            "This computer has no font to write in PNG files with: install DejaVu Sans or Noto Sans, or take "
            "--plot-format svg."
        )
