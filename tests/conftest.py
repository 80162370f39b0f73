"""Shared fixtures: where the shared data lies, hypothesis profiles, the accept switch."""

from __future__ import annotations

import os
from pathlib import Path

import hypothesis
import pytest

ROOT = Path(__file__).resolve().parent.parent

hypothesis.settings.register_profile("ci", derandomize=True, deadline=None, max_examples=60)
hypothesis.settings.register_profile("dev", deadline=None, max_examples=100)
hypothesis.settings.load_profile("ci" if os.environ.get("CI") else "dev")


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
