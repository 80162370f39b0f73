"""What the code itself must look like: heavy imports, public names, words."""

from __future__ import annotations

import ast
import importlib
import pkgutil
from pathlib import Path

import pytest

import latprof
from latprof.metrics import METRICS
from latprof.schema import ApiCall
from latprof.trace import EXPORT_COLUMNS
from latprof.units import format_count, format_instant, format_share, format_value, parse_duration_s

SOURCE = Path(latprof.__file__).parent
MODULES = sorted(
    info.name for info in pkgutil.walk_packages(latprof.__path__, "latprof.") if "__main__" not in info.name
)
# Which heavy package may be imported at the top of which modules; elsewhere only inside functions.
HEAVY = {
    "numpy": (
        "ingest/",
        "trace/",
        "metrics.py",
        "stats/",
        "check/",
        "change/",
        "compare/",
        "compare/",
        "estimate/",
        "live/",
        "replay/",
        "report/",
        "serving/",
        "share/names.py",
        "store/",
        "timeline/",
        "api.py",
    ),
    "pydantic": (
        "outputs/",
        "schema.py",
        "config/schema.py",
        "config/load.py",
        "config/reference.py",
        "catalogue/schema.py",
        "compare/claims.py",
    ),
    "rich": ("report/folding.py",),
    "pandas": (),
    "pyarrow": (),
    "zstandard": (),
    "jinja2": (),
    "resvg_py": (),
}


def _top_imports(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module.partition(".")[0])
    return names


def test_heavy_packages_are_imported_where_they_are_allowed() -> None:
    """Start-up stays fast because of this list."""
    for path in SOURCE.rglob("*.py"):
        name = path.relative_to(SOURCE).as_posix()
        for package in _top_imports(path) & HEAVY.keys():
            assert name.startswith(HEAVY[package]), f"{name} imports {package} at the top"


@pytest.mark.parametrize("name", MODULES)
def test_all_names_what_a_module_defines(name: str) -> None:
    """`__all__` is sorted, and every public function and class of the module is in it."""
    module = importlib.import_module(name)
    exported = list(getattr(module, "__all__", []))
    own = {
        key
        for key, value in vars(module).items()
        if not key.startswith("_") and getattr(value, "__module__", None) == name and callable(value)
    }
    assert exported
    assert own <= set(exported)
    assert all(hasattr(module, key) for key in exported)


def test_the_front_door_opens_everything_it_names() -> None:
    """Names are loaded when first used."""
    assert all(getattr(latprof, name) is not None for name in latprof.__all__)
    with pytest.raises(AttributeError, match="nothing"):
        _ = latprof.nothing


def test_columns_and_schema_have_the_same_names() -> None:
    """The pydantic record is the export's record."""
    assert list(ApiCall.model_fields) == [*EXPORT_COLUMNS, "blocks"]


def test_metrics_end_in_their_unit() -> None:
    """A name says its unit."""
    endings = {"s": "_s", "tok/s": "_tps", "tokens": "_tokens", "share": "_share", "1": "attempts"}
    assert all(item.key.endswith(endings[item.unit]) for item in METRICS)


@pytest.mark.parametrize(
    ("value", "unit", "expected"),
    [
        (None, "s", "–"),
        (0.0, "s", "0.00"),
        (0.0123, "s", "0.012"),
        (1.234, "s", "1.23"),
        (12.34, "s", "12.3"),
        (1234.5, "s", "1,234"),
        (0.4, "share", "40 %"),
        (0.9996, "share", ">99.9 %"),
        (0.0004, "share", "<0.1 %"),
        (0.995, "share", "99.5 %"),
        (1.0, "share", "100 %"),
        (125308.4, "tokens", "125,308"),
        (1.5, "1", "1.5"),
    ],
)
def test_values_are_written_with_three_digits(value: float | None, unit: str, expected: str) -> None:
    """Some never reads as none, nearly all never as all, unknown never as 0."""
    assert format_value(value, unit) == expected


def test_small_words() -> None:
    """Counts, instants, spans."""
    assert format_count(1234567) == "1,234,567"
    assert format_share(None) == "–"
    assert format_instant(0.0015) == "1970-01-01T00:00:00.002+00:00"
    assert format_instant(None) is None
    assert [parse_duration_s(span) for span in ("90m", "36h", "7d", "2w", "1.5h")] == [
        5400,
        129600,
        604800,
        1209600,
        5400,
    ]


@pytest.mark.parametrize("span", ["", "7", "d", "-1d", "0h", "7x", "nan d", "infd"])
def test_wrong_spans_are_refused(span: str) -> None:
    """A number and a unit, positive and finite."""
    with pytest.raises(ValueError):  # noqa: PT011 - the text is the command line's
        parse_duration_s(span)
