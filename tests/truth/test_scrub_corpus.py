"""Shared logs of each agent without text: nothing is left out, and `analyze --json` is the same."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from latprof import api
from latprof.report import build_document
from latprof.share.folder import scrub_folder

# Of each agent as many files as fit; bench/scrub.py goes through all of them.
LIMIT_BYTES = 1_500_000
AGENTS = ("benchmarks", "claude-code", "cline-sdk", "codex", "gemini-cli", "kimi-code", "openhands", "pi", "qwen-code")


def part_of(folder: Path, target: Path) -> None:
    """The smallest files of each folder below, with what lies beside them."""
    left = LIMIT_BYTES
    for path in sorted((path for path in folder.rglob("*") if path.is_file()), key=lambda path: path.stat().st_size):
        left -= path.stat().st_size
        if left < 0:
            return
        to = target / path.relative_to(folder)
        to.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, to)


def figures(folder: Path) -> Any:
    """What `analyze --json` prints; it shows no ids and no paths."""
    return build_document(api.analyze(api.read([str(folder)]))).data


@pytest.mark.parametrize("agent", AGENTS)
def test_scrubbed_corpus_gives_the_same_figures(agent: str, shared: Path, tmp_path: Path) -> None:
    """Every log is kept, every figure too."""
    part_of(shared / "corpus" / agent, tmp_path / "logs")
    result = scrub_folder(tmp_path / "logs", tmp_path / "out", salt=b"salt")
    assert result.refused == []
    assert result.identical
    assert result.calls > 0
    assert figures(tmp_path / "out") == figures(tmp_path / "logs")
