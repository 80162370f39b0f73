"""Colours and strokes of plots and pages, for light and dark places; the one list of colours.

Every pair that is read together keeps the contrast of WCAG 2.2: 4.5 to 1 for text (1.4.3), 3 to 1 for
what a plot is read by (1.4.11). No plot needs its colours to be understood: lines differ by dashes, parts
and fields carry their figures, and each plot has its table.
"""

from __future__ import annotations

import re
from typing import Final

__all__ = ["FONTS", "HEAT_STEPS", "PART_COLOURS", "PLOT_CSS", "THEMES", "filled", "theme_css"]

HEAT_STEPS: Final = 7
PART_COLOURS: Final = 9

_LIGHT: Final = {
    "paper": "#ffffff", "panel": "#f6f7f9", "ink": "#1b1f24", "muted": "#59616b", "line": "#dfe3e8",
    "accent": "#0b5cad",
    "true": "#0b5cad", "logged": "#b3470b",
    "p0": "#0b5cad", "p1": "#0f7a5f", "p2": "#9a5b00", "p3": "#8a3ffc", "p4": "#b3261e", "p5": "#a2247a",
    "p6": "#47617a", "p7": "#6b7280", "p8": "#7a6a3a", "on-part": "#ffffff",
    "h0": "#eaf2fb", "h1": "#cfe3f7", "h2": "#aacdf0", "h3": "#7fb2e5",
    "h4": "#2f6cb3", "h5": "#1a4f90", "h6": "#0b3266",
    "t0": "#1b1f24", "t1": "#1b1f24", "t2": "#1b1f24", "t3": "#1b1f24",
    "t4": "#ffffff", "t5": "#ffffff", "t6": "#ffffff",
}  # fmt: skip
_DARK: Final = {
    "paper": "#14171b", "panel": "#1d2127", "ink": "#e8eaed", "muted": "#a4adb8", "line": "#343a42",
    "accent": "#7db7f5",
    "true": "#6cb0f7", "logged": "#f0975a",
    "p0": "#6cb0f7", "p1": "#4fc7a1", "p2": "#e0aa4c", "p3": "#b79cff", "p4": "#f58b80", "p5": "#ee8ccb",
    "p6": "#9fb8d1", "p7": "#a0a8b3", "p8": "#c9b67a", "on-part": "#14171b",
    "h0": "#1e2a38", "h1": "#20395a", "h2": "#244c7d", "h3": "#2c62a0",
    "h4": "#6fa8e4", "h5": "#a5cbf2", "h6": "#dcebfa",
    "t0": "#e8eaed", "t1": "#e8eaed", "t2": "#e8eaed", "t3": "#ffffff",
    "t4": "#14171b", "t5": "#14171b", "t6": "#14171b",
}  # fmt: skip
THEMES: Final = {"light": _LIGHT, "dark": _DARK}

_PARTS: Final = "\n".join(f".part{i} {{ fill: var(--p{i}); }}" for i in range(PART_COLOURS))
_HEATS: Final = "\n".join(
    f".heat{i} {{ fill: var(--h{i}); }} .on{i} {{ fill: var(--t{i}); }}" for i in range(HEAT_STEPS)
)
# A browser knows the first and the last of these by itself; a program that makes PNG files knows names only, and
# takes no other font where it finds none of them.
FONTS: Final = (
    'system-ui, "Segoe UI", Roboto, "DejaVu Sans", "Liberation Sans", "Noto Sans", "Open Sans", Ubuntu, Cantarell, '
    "Arial, Helvetica, sans-serif"
)
PLOT_CSS: Final = f"""\
.plot text {{ font: 12px {FONTS}; fill: var(--ink); }}
.plot .small {{ font-size: 10.5px; }}
.plot .tick {{ font-size: 11px; fill: var(--muted); }}
.plot .name {{ font-weight: 600; }}
.plot .end {{ text-anchor: end; }}
.plot .mid {{ text-anchor: middle; }}
.plot .paper {{ fill: var(--paper); }}
.plot .grid {{ stroke: var(--line); stroke-width: 1; }}
.plot .base {{ stroke: var(--muted); stroke-width: 1; }}
.plot .mark {{ stroke: var(--muted); stroke-width: 1; stroke-dasharray: 2 3; }}
.plot .level {{ stroke: var(--ink); stroke-width: 1.5; }}
.plot .stroke {{ fill: none; stroke-width: 2; stroke-linejoin: round; }}
.plot .stroke.true, .plot .stroke.middle {{ stroke: var(--true); }}
.plot .stroke.logged {{ stroke: var(--logged); stroke-dasharray: 6 3; }}
.plot .stroke.bound {{ stroke: var(--muted); stroke-dasharray: 2 3; }}
.plot .stroke.tail {{ stroke: var(--logged); stroke-width: 1.5; stroke-dasharray: 6 3; }}
.plot .area {{ fill-opacity: 0.16; }}
.plot .area.true, .plot .area.middle {{ fill: var(--true); }}
.plot .area.bound {{ fill: var(--muted); }}
.plot .area.logged {{ fill: var(--logged); fill-opacity: 0.08; }}
.plot .stroke.faint {{ stroke: var(--muted); stroke-width: 1.5; }}
.plot .dot.middle {{ fill: var(--true); }}
.plot .dot.faint {{ fill: var(--paper); stroke: var(--muted); stroke-width: 1.5; }}
.plot .dot.tail {{ fill: var(--paper); stroke: var(--logged); stroke-width: 1.5; }}
.plot .few {{ fill: var(--panel); stroke: var(--line); }}
.plot .onpart {{ fill: var(--on-part); font-size: 11px; }}
.plot .gap {{ stroke: var(--paper); stroke-width: 1.5; }}
{_PARTS}
.plot .on0, .plot .on1, .plot .on2, .plot .on3, .plot .on4, .plot .on5, .plot .on6 {{ font-size: 10.5px; }}
{re.sub(r"[.]on", ".plot .on", _HEATS)}
"""


def theme_css(name: str) -> str:
    """The colours of a theme as CSS properties."""
    return "; ".join(f"--{key}: {value}" for key, value in THEMES[name].items())


def filled(css: str, theme: str) -> str:
    """The style with the colours of a theme put in, for places that know no CSS properties."""
    return re.sub(r"var\(--([\w-]+)\)", lambda found: THEMES[theme][found[1]], css)
