"""Settings for a command: files and environment, and options over them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from latprof.cli import talk
from latprof.errors import UsageError

if TYPE_CHECKING:
    from latprof.config.load import Effective

__all__ = ["ConfigOption", "effective", "effective_if_given"]

ConfigOption = Annotated[
    str | None,
    typer.Option("--config", metavar="FILE", help="Settings from this file instead of the nearest latprof.toml."),
]


def effective_if_given(config: str | None) -> Effective | None:
    """The settings, or None where nothing could hold any: then nothing is loaded to read them."""
    from latprof.config import are_given

    if config is not None or are_given(Path.cwd(), os.environ):
        return effective(config)
    talk.say_settings(None)
    return None


def effective(config: str | None = None, options: Mapping[str, Any] | None = None) -> Effective:
    """The settings in force. Raises UsageError with every mistake."""
    from latprof.config.load import load_settings

    if config is not None and not Path(config).expanduser().is_file():
        raise UsageError(f"{config} is no file: give the settings' file, or leave --config out.")
    found = load_settings(
        start=Path.cwd(),
        environ=os.environ,
        vocabulary=_vocabulary(),
        options=options,
        chosen=None if config is None else Path(config).expanduser(),
    )
    talk.say_settings(found)
    return found


def _vocabulary() -> Any:
    from latprof.config.schema import Vocabulary
    from latprof.metrics import METRICS
    from latprof.model import KINDS
    from latprof.stats import BY_KEYS, METHODS

    return Vocabulary(
        metrics=frozenset(item.key for item in METRICS),
        kinds=frozenset(KINDS),
        groups=frozenset(BY_KEYS),
        methods=frozenset(METHODS),
    )
