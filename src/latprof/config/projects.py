"""Project names by rules over the folders in which agents worked."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from latprof.config.schema import ProjectRule

__all__ = ["project_name"]


def project_name(folder: str, rules: Sequence[ProjectRule], home: Path) -> str:
    """The name by the first rule whose path matches the folder or one above it; else the folder itself."""
    plain = _plain(folder)
    for rule in rules:
        pattern = _plain(str(home) + rule.path[1:] if rule.path.startswith("~") else rule.path)
        if fnmatchcase(plain, pattern) or fnmatchcase(plain, pattern + "/*"):
            return rule.name
    return folder


def _plain(path: str) -> str:
    return path.replace("\\", "/").rstrip("/").lower() or "/"
