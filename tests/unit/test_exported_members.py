"""What a module offers is what it says it offers."""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

import latprof

SOURCE = Path(latprof.__file__).parent
# Compiled modules have no Python text to look at, and are private to their packages.
MODULES = [
    "latprof",
    *sorted(
        info.name
        for info in pkgutil.walk_packages(latprof.__path__, "latprof.")
        if not info.name.rpartition(".")[2].startswith("_")
    ),
]


def _path(name: str) -> Path:
    return Path(inspect.getfile(importlib.import_module(name)))


def _defined(name: str) -> set[str]:
    """Public names that a module's own top level defines: classes, functions, constants, types."""
    names: set[str] = set()
    body = ast.parse(_path(name).read_text(encoding="utf-8")).body
    conditions = [node for node in body if isinstance(node, ast.If)]
    for node in (*body, *(inner for found in conditions for inner in (*found.body, *found.orelse))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Assign):
            names |= {target.id for target in node.targets if isinstance(target, ast.Name)}
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            names.add(node.target.id)
    return {item for item in names if not item.startswith("_")}


def _functions_and_classes(name: str) -> set[str]:
    """Without constants and names of types that only shorten annotations: those are private by not being listed."""
    body = ast.parse(_path(name).read_text(encoding="utf-8")).body
    kinds = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
    return {node.name for node in body if isinstance(node, kinds) and not node.name.startswith("_")}


def _imported(name: str) -> set[str]:
    """Names that a module takes from latprof, at its top level or for type checkers only."""
    tree = ast.parse(_path(name).read_text(encoding="utf-8"))
    return {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("latprof")
        for alias in node.names
    }


@pytest.mark.parametrize("name", MODULES)
def test_all_is_sorted_and_has_no_repeats(name: str) -> None:
    """Constants, classes, then functions, each by name, as ruff sorts them; every name is there."""
    module = importlib.import_module(name)
    exported = list(module.__all__)
    assert exported, "a module without public names has no reason to be imported"
    assert len(exported) == len(set(exported))
    assert [item for item in exported if not hasattr(module, item)] == []


@pytest.mark.parametrize("name", MODULES)
def test_all_is_what_the_module_defines_in_public(name: str) -> None:
    """A package may pass on what its own modules define; nothing is public by oversight or promised in vain."""
    exported = set(importlib.import_module(name).__all__) - {"__version__"}
    assert _functions_and_classes(name) <= exported, "defined in public, not in __all__"
    passed_on = exported - _defined(name)
    assert passed_on <= _imported(name), "in __all__, neither defined nor imported"
    if passed_on:
        assert _path(name).name == "__init__.py" or name == "latprof.report.renderers.base", (
            "only packages pass names on"
        )


def test_private_modules_names_stay_inside_their_package() -> None:
    """No module imports a name with an underscore from another module of latprof, but for a compiled one beside it."""
    found = [
        f"{path.relative_to(SOURCE)}: {alias.name}"
        for path in SOURCE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("latprof")
        for alias in node.names
        if alias.name.startswith("_")
        and not alias.name.startswith("__")
        and not (path.parent / f"{alias.name}.pyi").exists()
    ]
    assert found == []


@pytest.mark.parametrize("name", latprof.__all__)
def test_every_name_of_the_front_door_opens(name: str) -> None:
    """And comes from where it is defined, not from a copy."""
    value = getattr(latprof, name)
    assert name == "__version__" or value.__module__.startswith("latprof.")


def test_the_front_door_is_the_same_for_type_checkers() -> None:
    """The names for mypy are the names loaded late."""
    assert _imported("latprof") == set(latprof.__all__) - {"__version__"} == set(latprof._HOMES)


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    """As in any module; the error names both."""
    with pytest.raises(AttributeError, match=r"latprof.*colour"):
        _ = latprof.colour


def test_importing_the_package_loads_none_of_its_modules() -> None:
    """Names are loaded when they are first used."""
    code = "import sys, latprof; print(*sorted(m for m in sys.modules if m.startswith('latprof')))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["latprof"]


def test_dir_and_star_import_show_the_public_names() -> None:
    """What an interactive user looks for first."""
    code = "from latprof import *; print(*sorted(k for k in globals() if not k.startswith('_')))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == sorted(set(latprof.__all__) - {"__version__"})
