"""Tests of what a user may not read need a user who may not read everything, as root mostly may."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

__all__ = ["needs_permissions"]


def _may_read_everything() -> bool:
    """Root without the capabilities that override permissions may not, nor may Windows say so."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name, "closed")
        folder.mkdir(mode=0)
        try:
            return list(folder.iterdir()) == []
        except OSError:
            return False
        finally:
            folder.chmod(0o700)


needs_permissions = pytest.mark.skipif(_may_read_everything(), reason="this user may read everything")
