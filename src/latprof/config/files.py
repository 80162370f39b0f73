"""Where settings stand; found without loading what reads them."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

__all__ = ["ENVIRONMENT_PREFIX", "FOLDER_VARIABLES", "are_given", "project_file", "user_file"]

ENVIRONMENT_PREFIX: Final = "LATPROF_"
# They name folders of latprof's own, and no settings.
FOLDER_VARIABLES: Final = frozenset({"LATPROF_CACHE_DIR", "LATPROF_DATA_DIR"})
_FILE: Final = "latprof.toml"


def are_given(start: Path, environ: Mapping[str, str]) -> bool:
    """Whether any file or variable could hold settings for work in this folder."""
    return (
        any(name.startswith(ENVIRONMENT_PREFIX) and name not in FOLDER_VARIABLES for name in environ)
        or user_file(environ).is_file()
        or project_file(start) is not None
    )


def project_file(start: Path) -> Path | None:
    """The nearest `latprof.toml`, or `pyproject.toml` with a `[tool.latprof]`, in `start` or above."""
    for folder in (start, *start.parents):
        if (folder / _FILE).is_file():
            return folder / _FILE
        shared = folder / "pyproject.toml"
        if shared.is_file() and _names_latprof(shared):
            return shared
    return None


def _names_latprof(path: Path) -> bool:
    """Looked at as text first: most files say nothing of it, and a broken one must still be told."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return False
    return re.search(r"^\s*\[+\s*tool\s*\.\s*latprof\s*[\].]", text, re.MULTILINE) is not None


def user_file(environ: Mapping[str, str]) -> Path:
    """The user's own file; it need not be there. `XDG_CONFIG_HOME` and `APPDATA` are followed."""
    home = Path(environ.get("HOME") or environ.get("USERPROFILE") or Path.home())
    if os.name == "nt":
        return Path(environ.get("APPDATA") or home / "AppData" / "Roaming") / "latprof" / _FILE
    return Path(environ.get("XDG_CONFIG_HOME") or home / ".config") / "latprof" / _FILE
