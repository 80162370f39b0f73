"""Shared fixtures: where the shared data lies, hypothesis profiles, the accept switch."""

from __future__ import annotations

import os
import tempfile
from itertools import count
from pathlib import Path

import hypothesis
import pytest

ROOT = Path(__file__).resolve().parent.parent
_OWN_FOLDERS = ("LATPROF_CACHE_DIR", "LATPROF_DATA_DIR")
_numbers = count()

# The same examples at each run: a test that fails has been broken. HYPOTHESIS_PROFILE=explore looks for others.
hypothesis.settings.register_profile("ci", derandomize=True, deadline=None, max_examples=60)
hypothesis.settings.register_profile("dev", derandomize=True, deadline=None, max_examples=100)
hypothesis.settings.register_profile("explore", deadline=None, max_examples=100)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE") or ("ci" if os.environ.get("CI") else "dev"))


def pytest_configure(config: pytest.Config) -> None:
    """No test reaches the user's own folders, nor do programs that tests start."""
    base = tempfile.TemporaryDirectory(prefix="latprof-tests-")
    config.add_cleanup(base.cleanup)
    os.environ.update({name: str(Path(base.name, name)) for name in _OWN_FOLDERS})


@pytest.fixture(autouse=True)
def _own_folders(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test has a cache and a history of its own."""
    for name in _OWN_FOLDERS:
        monkeypatch.setenv(name, str(Path(os.environ[name], str(next(_numbers)))))


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--accept", action="store_true", help="write expected.ndjson of the fixtures anew")


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of shared reference data; a test that needs it is skipped where it is absent."""
    folder = Path(os.environ.get("LATPROF_SHARED", ROOT.parent / "shared"))
    if not folder.is_dir():
        pytest.skip("shared data absent: set LATPROF_SHARED")
    return folder


@pytest.fixture(scope="session")
def fixtures() -> Path:
    """The logs in this repository."""
    return ROOT / "fixtures"
