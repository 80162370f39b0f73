"""Heavy packages are imported only where they earn their keep: start-up is felt on every run."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import latprof

SOURCE = Path(latprof.__file__).parent
FILES = sorted(path.relative_to(SOURCE).as_posix() for path in SOURCE.rglob("*.py"))

# Where a package may be imported at all, and whether only inside a function.
ANYWHERE_IN: dict[str, tuple[str, ...]] = {
    "numpy": (
        "ingest/", "trace/", "metrics.py", "stats/", "check/", "change/", "compare/", "estimate/", "replay/", "report/",
        "live/", "serving/", "share/names.py", "store/shelf.py", "store/version.py", "timeline/", "api.py",
        "cli/sides.py",
    ),
    "pydantic": ("outputs/", "schema.py", "config/", "catalogue/schema.py", "compare/claims.py"),
    "rich": ("cli/", "report/folding.py"),
    "jinja2": ("report/renderers/html.py",),
}  # fmt: skip
ONLY_IN_FUNCTIONS = {"pandas", "pyarrow", "zstandard", "gzip", "zoneinfo"}
# The command line is loaded for --help: nothing heavy at the top of its modules.
LIGHT = ("cli/", "__init__.py", "__main__.py", "errors.py", "model.py", "units.py")
NOT_LIGHT = {"numpy", "pydantic", "rich", "jinja2", "orjson", "pandas", "pyarrow", "zstandard"}


def _packages(node: ast.AST) -> set[str]:
    if isinstance(node, ast.Import):
        return {alias.name.partition(".")[0] for alias in node.names}
    if isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
        return {node.module.partition(".")[0]}
    return set()


def _for_types_only(node: ast.stmt) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test) in {"TYPE_CHECKING", "typing.TYPE_CHECKING"}


def _imports(body: list[ast.stmt], *, inside: bool = False) -> Iterator[tuple[str, bool]]:
    """Each imported package, and whether that happens inside a function; imports for types do not run."""
    for node in body:
        if _for_types_only(node):
            continue
        for package in _packages(node):
            yield package, inside
        deeper = inside or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        children = [child for child in ast.walk(node) if child is not node and isinstance(child, ast.stmt)]
        for child in children:
            for package in _packages(child):
                yield package, deeper or _in_function(node, child)


def _in_function(top: ast.AST, node: ast.stmt) -> bool:
    return any(
        node in ast.walk(function)
        for function in ast.walk(top)
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
    )


def imports_of(name: str) -> set[tuple[str, bool]]:
    return set(_imports(ast.parse((SOURCE / name).read_text(encoding="utf-8")).body))


def test_the_reader_of_imports_sees_all_kinds() -> None:
    """At the top, in a branch, in a function, in a method; not for types."""
    code = (
        "import a.b\nfrom c import d\nif X:\n    import e\ndef f():\n    import g\n"
        "class H:\n    def i(self):\n        from j import k\n    import l\n"
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import m\nfrom . import n\n"
    )
    assert set(_imports(ast.parse(code).body)) == {
        ("a", False), ("c", False), ("e", False), ("g", True), ("j", True), ("l", False), ("typing", False),
    }  # fmt: skip


@pytest.mark.parametrize("name", FILES)
def test_heavy_packages_are_only_where_they_may_be(name: str) -> None:
    """Imports for type checkers do not count."""
    for package, _ in imports_of(name):
        assert name.startswith(ANYWHERE_IN.get(package, ("",))), f"{name} imports {package}"


@pytest.mark.parametrize("name", FILES)
def test_the_heaviest_are_imported_only_inside_functions(name: str) -> None:
    """pandas and pyarrow cost seconds; most runs never need them."""
    assert {package for package, inside in imports_of(name) if not inside} & ONLY_IN_FUNCTIONS == set()


@pytest.mark.parametrize("name", [name for name in FILES if name.startswith(LIGHT)])
def test_what_help_loads_imports_nothing_heavy_at_the_top(name: str) -> None:
    """The commands' modules are all loaded to show help."""
    assert {package for package, inside in imports_of(name) if not inside} & NOT_LIGHT == set()


def test_nothing_reaches_for_the_network() -> None:
    """The program promises that it never uses it."""
    network = {"socket", "ssl", "http", "requests", "httpx", "aiohttp", "ftplib", "smtplib"}
    found = {(name, package) for name in FILES for package, _ in imports_of(name) if package in network}
    assert found == set()
    # Of urllib only the part that takes addresses apart.
    assert not [name for name in FILES if "urllib.request" in (SOURCE / name).read_text(encoding="utf-8")]


def test_the_allow_list_names_files_that_exist() -> None:
    """The list does not outlive what it allows."""
    places = {place for allowed in ANYWHERE_IN.values() for place in allowed}
    assert [place for place in places if not (SOURCE / place).exists()] == []
