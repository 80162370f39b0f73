"""Names by rules over folders."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from latprof.config.schema import ProjectRule

__all__ = ["lies_in", "project_name"]


def project_name(folder: str, rules: Sequence[ProjectRule], home: Path) -> str:
    """The name by the first rule whose path matches the folder or one above it; else the folder itself."""
    return next((rule.name for rule in rules if lies_in(folder, rule.path, home)), folder)


def lies_in(place: str, pattern: str, home: Path) -> bool:
    """Whether the pattern is that place or one above it; `*` and `?` match, `~` is the home folder."""
    plain = _plain(place)
    whole = _plain(str(home) + pattern[1:] if pattern.startswith("~") else pattern)
    return fnmatchcase(plain, whole) or fnmatchcase(plain, whole + "/*")


def _plain(path: str) -> str:
    return path.replace("\\", "/").rstrip("/").lower() or "/"
