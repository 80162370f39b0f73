"""Runs the program as a user would."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from cli_run import Run


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Call latprof with arguments; no folder of the real user is seen."""

    def call(*arguments: str, stdin: bytes = b"", **environment: str) -> subprocess.CompletedProcess[bytes]:
        kept = {name: value for name, value in os.environ.items() if name not in {"COLUMNS", "CLAUDE_CONFIG_DIR"}}
        home = tmp_path / "home"
        home.mkdir(exist_ok=True)
        return subprocess.run(
            [sys.executable, "-m", "latprof", *arguments],
            input=stdin,
            capture_output=True,
            check=False,
            cwd=tmp_path,
            env=kept | {"HOME": str(home), "USERPROFILE": str(home)} | environment,
        )

    return call
