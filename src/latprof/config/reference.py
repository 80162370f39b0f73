"""The reference page of all settings, from their schema alone."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import time
from typing import Any, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from latprof.config.load import variables
from latprof.config.schema import Settings

__all__ = ["described", "reference_page"]


def described() -> Iterator[tuple[str, FieldInfo]]:
    """Every setting as (dotted name, field); NAME stands for a name of the user's, [] for an entry of a list."""
    yield from _walk(Settings, "")


def reference_page() -> str:
    """`docs/reference/settings.md` without the mark of generated pages."""
    by_path = {path: name for name, path in variables().items()}
    lines = [
        "# Settings\n",
        "Settings stand in `latprof.toml`, or under `[tool.latprof]` in `pyproject.toml`. Weak to strong: defaults,",
        "the user's file (`~/.config/latprof/latprof.toml` or below `XDG_CONFIG_HOME`; on Windows below `%APPDATA%`),",
        "the project's file (the nearest above the working folder, or what `LATPROF_CONFIG` or `--config` names),",
        "environment variables, options. Tables are merged name by name; a list replaces the weaker one. In variables",
        "lists are written with commas. `latprof config` shows what is in force and where it comes from. All mistakes",
        "of all sources are reported at once; what refers to another setting, as a host to its engineer, when the rest",
        "is right.\n",
        "| setting | type | default | variable | meaning |",
        "|---|---|---|---|---|",
    ]
    for path, item in described():
        variable = f"`{by_path[path]}`" if path in by_path else ""
        lines.append(f"| `{path}` | {_type(item.annotation)} | {_default(item)} | {variable} | {item.description} |")
    return "\n".join(lines) + "\n"


def _walk(model: type[BaseModel], above: str) -> Iterator[tuple[str, FieldInfo]]:
    for name, item in model.model_fields.items():
        inner = _model_in(item.annotation)
        if inner is None:
            yield above + name, item
        else:
            shape = get_origin(item.annotation)
            mark = ".NAME" if shape is dict else "[]" if shape is list else ""
            yield from _walk(inner, f"{above}{name}{mark}.")


def _model_in(kind: Any) -> type[BaseModel] | None:
    parts = (kind, *get_args(kind))
    return next((part for part in parts if isinstance(part, type) and issubclass(part, BaseModel)), None)


def _type(kind: Any) -> str:
    """A type in words."""
    names = {str: "text", float: "number", int: "whole number", bool: "true or false", time: "time"}
    if kind in names:
        return names[kind]
    parts = [part for part in get_args(kind) if part is not type(None) and part is not ...]
    if get_origin(kind) in {list, tuple}:
        return f"list of {_type(parts[0])}"
    if get_origin(kind) is dict:
        return "table of texts"
    if all(isinstance(part, str) for part in parts):
        return " or ".join(f"`{part}`" for part in parts)
    return _type(parts[0])


def _default(item: FieldInfo) -> str:
    if item.is_required():
        return "must be given"
    value = item.get_default(call_default_factory=True)
    if value is None or value in ([], {}, ()):
        return "–"
    if isinstance(value, (list, tuple)):
        return ", ".join(_written(part) for part in value)
    return _written(value)


def _written(value: Any) -> str:
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, time):
        return f"`{value:%H:%M}`"
    return f"`{value:g}`" if isinstance(value, float) else f"`{value}`"
