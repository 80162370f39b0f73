"""Write what is known of each format into src/latprof/formats/table.json, or check that it is there.

The modules are loaded from their own `FORMAT`; the table lets the program know places, suffixes and marks
without loading them.
"""

from __future__ import annotations

import importlib
import json
import pkgutil
import sys
from dataclasses import fields
from pathlib import Path
from types import ModuleType
from typing import Any, Final

PACKAGE: Final = "latprof.formats"
TABLE: Final = Path(__file__).resolve().parent.parent / "src" / "latprof" / "formats" / "table.json"
# Loaded with the module: they do the work.
_WORK: Final = frozenset({"columns", "in_parts", "read", "resume", "sniff", "tail"})


def _modules() -> dict[str, ModuleType]:
    package = importlib.import_module(PACKAGE)
    names = [info.name for info in pkgutil.iter_modules(package.__path__)]
    return {name: importlib.import_module(f"{PACKAGE}.{name}") for name in names}


def facts(item: Any) -> dict[str, Any]:
    """All fields of a format but its functions, as JSON has them; marks are read as Latin-1."""
    values = {field.name: getattr(item, field.name) for field in fields(item) if field.name not in _WORK}
    marks = [mark.decode("latin-1") for mark in values["marks"]]
    return values | {"observes": dict(values["observes"]), "since": dict(values["since"]), "marks": marks}


def _row(item: Any) -> dict[str, Any]:
    """What is known of a format, and which work it can do beside reading."""
    more = {f"has_{work}": True for work in ("columns", "in_parts", "resume") if getattr(item, work) is not None}
    return {"facts": facts(item), "has_tail": item.tail is not None} | more


def text() -> str:
    """The whole file: a line per format, by its module, and the modules that have none."""
    modules = _modules()
    found = {name: module.FORMAT for name, module in modules.items() if hasattr(module, "FORMAT")}
    rows = {name: _row(item) for name, item in sorted(found.items())}
    lines = ",\n".join(f"{json.dumps(name)}: {json.dumps(row)}" for name, row in rows.items())
    helpers = json.dumps(sorted(modules.keys() - found.keys()))
    return f'{{"helpers": {helpers},\n"formats": {{\n{lines}\n}}}}\n'


def main() -> None:
    """Write or check."""
    fresh = text()
    if TABLE.exists() and TABLE.read_text(encoding="utf-8") == fresh:
        print("the table of formats is up to date")
    elif "--check" in sys.argv[1:]:
        sys.exit("stale, run `python tools/format_table.py`: src/latprof/formats/table.json")
    else:
        TABLE.write_text(fresh, encoding="utf-8")
        print("wrote src/latprof/formats/table.json")


if __name__ == "__main__":
    main()
