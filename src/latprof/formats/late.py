"""Formats that are declared without being loaded, and loaded when a file may be theirs."""

from __future__ import annotations

import importlib
import json
import os
import pkgutil
import sys
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from importlib.machinery import PathFinder
from typing import Any

from latprof.classes import dataclass
from latprof.formats.base import Format, Grown, InParts, Source, Told
from latprof.formats.standing import Standing
from latprof.model import Call, Problem

__all__ = ["declared", "has_entry_points", "late_formats"]

_METADATA = (".dist-info", ".egg-info")


@dataclass(frozen=True, slots=True)
class _Sniff:
    """Whether a file may be of the format of this module."""

    module: str
    marks: tuple[bytes, ...]

    def __call__(self, path: str, head: bytes) -> bool:
        marked = not self.marks or any(mark in head for mark in self.marks)
        return marked and declared(self.module).sniff(path, head)


@dataclass(frozen=True, slots=True)
class _Read:
    """Reads a file with the module."""

    module: str

    def __call__(self, source: Source) -> Iterable[Call | Problem]:
        return declared(self.module).read(source)


@dataclass(frozen=True, slots=True)
class _Tail:
    """Tells how things stand at the end of a file."""

    module: str

    def __call__(self, source: Source) -> Sequence[Standing]:
        tail = declared(self.module).tail
        return () if tail is None else tail(source)


@dataclass(frozen=True, slots=True)
class _Resume:
    """Reads on in a file that has grown."""

    module: str

    def __call__(self, source: Source, begun: bytes) -> Grown:
        resume = declared(self.module).resume
        if resume is None:
            raise ValueError(f"the table of formats is stale: {self.module} reads whole files only")
        return resume(source, begun)


@dataclass(frozen=True, slots=True)
class _Columns:
    """Reads a file into columns."""

    module: str

    def __call__(self, source: Source) -> Told | None:
        columns = declared(self.module).columns
        return None if columns is None else columns(source)


@dataclass(frozen=True, slots=True)
class _Part:
    """Reads a part of a large file."""

    module: str

    def __call__(self, source: Source, begin: int, end: int | None) -> bytes | None:
        in_parts = declared(self.module).in_parts
        return None if in_parts is None else in_parts.part(source, begin, end)


@dataclass(frozen=True, slots=True)
class _Joined:
    """Puts parts together."""

    module: str

    def __call__(self, source: Source, parts: Iterable[bytes]) -> Grown | None:
        in_parts = declared(self.module).in_parts
        return None if in_parts is None else in_parts.joined(source, parts)


@cache
def declared(module: str) -> Format:
    """The `FORMAT` of a module of this package, which is loaded now."""
    found: Format = importlib.import_module(f"latprof.formats.{module}").FORMAT
    return found


def late_formats() -> tuple[dict[str, Format], frozenset[str]]:
    """The formats that the table knows, by their modules, and the modules that have none."""
    table = json.loads(pkgutil.get_data("latprof.formats", "table.json") or b"{}")
    known = {name: _late(name, row) for name, row in table["formats"].items()}
    return known, frozenset(table["helpers"])


def _late(module: str, row: Mapping[str, Any]) -> Format:
    """A format that looks at no file without its marks, and loads its module for the others."""
    facts = row["facts"]
    marks = tuple(mark.encode("latin-1") for mark in facts["marks"])
    lists = {name: tuple(facts[name]) for name in ("roots", "suffixes")} | {"marks": marks}
    tail = _Tail(module) if row["has_tail"] else None
    resume = _Resume(module) if row.get("has_resume") else None
    columns = _Columns(module) if row.get("has_columns") else None
    in_parts = InParts(_Part(module), _Joined(module)) if row.get("has_in_parts") else None
    work = {"tail": tail, "resume": resume, "columns": columns, "in_parts": in_parts}
    return Format(**{**facts, **lists, **work}, sniff=_Sniff(module, marks), read=_Read(module))


def has_entry_points(group: str) -> bool:
    """Whether an installed package may have an entry point in the group.

    Looks at the files of folders on the path, which takes a tenth of the time of `importlib.metadata`;
    where packages may lie elsewhere (in archives, with finders of their own) the answer is yes.
    """
    if any(hasattr(finder, "find_distributions") for finder in sys.meta_path if finder is not PathFinder):
        return True
    return any(_folder_has(path or ".", group.encode()) for path in sys.path)


def _folder_has(folder: str, group: bytes) -> bool:
    try:
        names = [name for name in os.listdir(folder) if name.endswith(_METADATA)]  # noqa: PTH208 - five times as fast
        return any(_is_named(f"{folder}/{name}/entry_points.txt", group) for name in names)
    except FileNotFoundError:
        return False
    except OSError:
        return True


def _is_named(path: str, group: bytes) -> bool:
    try:
        with open(path, "rb", buffering=0) as file:  # noqa: PTH123 - a text already
            return group in file.readall()
    except FileNotFoundError:
        return False
