"""Settings from files, environment and options, with all mistakes at once.

From weak to strong: defaults, the user's file, the project's file, the environment, options. Tables are
merged name by name, lists replace each other.
"""

from __future__ import annotations

import errno
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field
from pathlib import Path
from typing import Any, Final, get_args, get_origin

from pydantic import BaseModel, ValidationError

from latprof.classes import dataclass
from latprof.config.files import ENVIRONMENT_PREFIX, project_file, user_file
from latprof.config.schema import Settings, Vocabulary
from latprof.errors import UsageError

__all__ = ["Effective", "load_settings", "variables"]

_MOST_BYTES: Final = 1_000_000
_LIST_NUMBER: Final = re.compile(r"\.(\d+)(?=\.|$)")


@dataclass(frozen=True)
class Effective:
    """The settings in force.

    `origins` says per dotted setting where it comes from; `folder` is where relative paths of settings
    begin: the project file's folder, else the working folder.
    """

    settings: Settings
    origins: dict[str, str] = field(default_factory=dict)
    files: tuple[Path, ...] = ()
    folder: Path = field(default_factory=Path)

    def given(self, name: str) -> bool:
        """Whether a source says something about the setting or the table of that name."""
        return any(place == name or place.startswith(name + ".") for place in self.origins)

    def path(self, text: str) -> str:
        """A path of the settings: `~` is the home folder, relative ones begin at `folder`."""
        path = Path(text).expanduser()
        return str(path if path.is_absolute() else self.folder / path)


def load_settings(
    *,
    start: Path,
    environ: Mapping[str, str],
    vocabulary: Vocabulary | None = None,
    options: Mapping[str, Any] | None = None,
    chosen: Path | None = None,
) -> Effective:
    """The settings for work in the folder `start`.

    `chosen` stands for the project's file; `options` are dotted settings to values, over everything. Raises
    UsageError that lists every mistake of every source.
    """
    words = vocabulary or Vocabulary()
    own = chosen or project_file(start)
    sources, mistakes = _sources(own, environ)
    if options:
        sources.append(("options", _nested(options)))
    merged: dict[str, Any] = {}
    origins: dict[str, str] = {}
    for name, data in sources:
        mistakes += [f"{name}: {text}" for text in _mistakes(data, words)]
        _merge(merged, data)
        origins |= dict.fromkeys(_leaves(data), name)
    if not mistakes:
        settings = Settings.model_validate(merged, context=words)
        mistakes = [f"{_origin(origins, place)}: {place}: {text}" for place, text in settings.cross_mistakes()]
    if mistakes:
        raise UsageError(_listed(mistakes))
    files = tuple(path for path in (user_file(environ), own) if path is not None and path.is_file())
    return Effective(settings, origins, files, own.parent if own is not None else start)


def _sources(own: Path | None, environ: Mapping[str, str]) -> tuple[list[tuple[str, dict[str, Any]]], list[str]]:
    """The tables of the files and of the environment, and what kept any from being read."""
    found: list[tuple[str, dict[str, Any]]] = []
    mistakes: list[str] = []
    named = environ.get(f"{ENVIRONMENT_PREFIX}CONFIG")
    for path, must in ((user_file(environ), False), (Path(named).expanduser() if named else own, True)):
        if path is None or (not must and not path.is_file()):
            continue
        try:
            found.append((str(path), _table(path)))
        except tomllib.TOMLDecodeError as error:
            mistakes.append(f"{path}: this is no TOML ({error})")
        except UnicodeDecodeError:
            mistakes.append(f"{path}: this is no UTF-8 text")
        except OSError as error:
            mistakes.append(f"{path}: cannot be read ({error.strerror})")
    found += [(f"environment {name}", _nested({place: value})) for name, place, value in _from_environment(environ)]
    return found, mistakes


def _table(path: Path) -> dict[str, Any]:
    """What a file says: all of it, or `[tool.latprof]` of a pyproject.toml."""
    with path.open("rb") as stream:
        text = stream.read(_MOST_BYTES + 1)
    if len(text) > _MOST_BYTES:  # a device has no end
        raise OSError(errno.EFBIG, "it is too large for settings")
    data = tomllib.loads(text.decode("utf-8"))
    if path.name != "pyproject.toml":
        return data
    table: dict[str, Any] = data.get("tool", {}).get("latprof", {})
    return table


def variables() -> dict[str, str]:
    """Environment variable -> dotted setting, for settings that are one value or a list of plain values."""
    return {ENVIRONMENT_PREFIX + path.replace(".", "_").upper(): path for path in _plain_settings(Settings)}


def _plain_settings(model: type[BaseModel], above: str = "") -> Iterator[str]:
    for name, item in model.model_fields.items():
        kind = item.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from _plain_settings(kind, f"{above}{name}.")
        elif get_origin(kind) is not dict and not _holds_models(kind):
            yield above + name


def _holds_models(kind: Any) -> bool:
    return any(isinstance(part, type) and issubclass(part, BaseModel) for part in get_args(kind))


def _from_environment(environ: Mapping[str, str]) -> Iterator[tuple[str, str, Any]]:
    """(variable, setting, value); lists are written with commas."""
    for name, path in variables().items():
        if (text := environ.get(name)) is not None:
            yield name, path, _split(text) if _is_list(path) else text


def _split(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _is_list(path: str) -> bool:
    model: Any = Settings
    *above, last = path.split(".")
    for part in above:
        model = model.model_fields[part].annotation
    return get_origin(model.model_fields[last].annotation) in {list, tuple}


def _nested(flat: Mapping[str, Any]) -> dict[str, Any]:
    """{'baseline.ratio': 1.2} -> {'baseline': {'ratio': 1.2}}."""
    found: dict[str, Any] = {}
    for path, value in flat.items():
        *above, last = path.split(".")
        table = found
        for part in above:
            table = table.setdefault(part, {})
        table[last] = value
    return found


def _merge(into: dict[str, Any], data: Mapping[str, Any]) -> None:
    for name, value in data.items():
        if isinstance(value, Mapping):
            table = into.get(name)
            into[name] = dict(table) if isinstance(table, Mapping) else {}
            _merge(into[name], value)
        else:
            into[name] = value


def _leaves(data: Mapping[str, Any], above: str = "") -> Iterator[str]:
    for name, value in data.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{above}{name}.")
        else:
            yield above + name


def _origin(origins: Mapping[str, str], place: str) -> str:
    known = place.partition("[")[0]
    return origins.get(known, "settings")


def _mistakes(data: Mapping[str, Any], words: Vocabulary) -> list[str]:
    """Everything wrong with one source by itself, each with the place in it."""
    try:
        Settings.model_validate(data, context=words)
    except ValidationError as error:
        return [f"{_place(item['loc'])}: {_said(item['type'], item['msg'], item['loc'])}" for item in error.errors()]
    return []


def _place(location: Sequence[int | str]) -> str:
    """('budgets', 1, 'max') -> 'budgets[2].max': counted as people count."""
    parts = [part for part in location if part != "[key]"]
    text = ".".join(str(part) for part in parts)
    return _LIST_NUMBER.sub(lambda match: f"[{int(match[1]) + 1}]", text)


def _said(kind: str, message: str, location: Sequence[int | str]) -> str:
    if kind == "extra_forbidden":
        return f"no setting is called {location[-1]}"
    if kind == "missing":
        return "must be given"
    text = message.removeprefix("Value error, ")
    return text[:1].lower() + text[1:]


def _listed(mistakes: Sequence[str]) -> str:
    if len(mistakes) == 1:
        return f"{mistakes[0]}; see docs/reference/settings.md."
    lines = "\n".join(f"  {line}" for line in mistakes)
    return f"{len(mistakes)} mistakes in the settings (see docs/reference/settings.md):\n{lines}"
