"""Whatever happens to logs and cache between runs: with the cache everything is as without it."""

from __future__ import annotations

import random
import sys
from pathlib import Path
from typing import Any

import pytest

from changing_logs import append_turn, change, damage, fill
from latprof import api
from latprof.formats import formats
from latprof.ingest import Reading, Recall, Recalled, find, keeper, read_inputs
from latprof.ingest import read as read_module
from latprof.ingest.chunk import Chunk
from latprof.ingest.entry import read_entry, read_grown
from latprof.ingest.tags import TagRules
from latprof.store import looks
from latprof.store.cache import Cache

pytestmark = pytest.mark.property
_KINDS = {"snapshot": 4, "columns": 4, "result": 20}
_SEQUENCES = 20
_STEPS = 6
# Twice the coarsest tick of Linux, in which two changes of a file may have one time.
_SHORT_S = 0.021


def everything(reading: Reading) -> tuple[object, ...]:
    """All that a reading says, calls and problems to the last byte."""
    whole = Chunk("", "log", reading.columns, reading.problems).to_bytes()
    counts = (reading.files, reading.files_without_calls, reading.files_of_others, reading.size_bytes)
    return whole, *counts, reading.records, reading.copies, reading.joined, dict(reading.formats)


def check_sequence(seed: int, base: Path, steps: int, *, damaging: bool) -> None:
    """Change the logs at random, and compare a run with the cache with one without it after each change."""
    rng = random.Random(seed)  # noqa: S311 - to be repeated, not to be safe
    logs, kept = base / "logs", base / "cache"
    fill(logs, rng)
    said = ["start"]
    for _ in range(steps):
        plain = everything(read_inputs([str(logs)]))
        for _ in range(rng.randint(1, 2)):
            cache = Cache(kept, b"test", most_of=_KINDS)
            assert everything(read_inputs([str(logs)], cache=cache)) == plain, f"seed {seed}: {said}"
            cache.close()
            assert result_of(logs, Cache(kept, b"test", most_of=_KINDS)) == plain[0], f"seed {seed}: {said}"
        said += [change(logs, rng) for _ in range(rng.randint(0, 3))]
        if damaging and rng.random() < 0.3:
            said.append(f"cache: {damage(kept, rng)}")


def result_of(logs: Path, cache: Cache) -> bytes:
    """All calls as the finished result that the command line would keep."""
    found = find([str(logs)], formats())
    recall = Recall(cache, found, TagRules(), ("calls",))
    recalled = recall.get()
    if recalled is None:
        reading = read_inputs([str(logs)], cache=cache, found=found)
        whole = Chunk("", "log", reading.columns, reading.problems).to_bytes()
        recalled = Recalled(whole, reading, len(reading.columns))
        recall.put(recalled)
    cache.close()
    return recalled.result


@pytest.fixture(params=[None, _SHORT_S], ids=["fresh", "settled"])
def _fresh_s(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Logs that count as just written, which are compared by content, and such that count as settled."""
    if request.param is not None:
        if sys.platform != "linux":
            pytest.skip("how fine the times of files are is known of Linux")
        monkeypatch.setattr(looks, "_FRESH_S", request.param)


@pytest.mark.usefixtures("_fresh_s")
@pytest.mark.parametrize("seed", range(_SEQUENCES))
def test_a_run_with_the_cache_is_as_one_without(seed: int, tmp_path: Path) -> None:
    """Logs that grow, shrink, move, swap, come, go and change unseen; files beside them, too."""
    check_sequence(seed, tmp_path, _STEPS, damaging=False)


@pytest.mark.usefixtures("_fresh_s")
@pytest.mark.parametrize("seed", range(1000, 1000 + _SEQUENCES))
def test_a_damaged_cache_changes_nothing(seed: int, tmp_path: Path) -> None:
    """The same, and the cache's files are cut, flipped, zeroed, replaced and deleted between runs."""
    check_sequence(seed, tmp_path, _STEPS, damaging=True)


@pytest.mark.usefixtures("_fresh_s")
def test_what_did_not_change_is_not_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither from entries of single files nor from the snapshot; one file that changed is the only one read."""
    logs, kept = tmp_path / "logs", tmp_path / "cache"
    rng = random.Random(0)  # noqa: S311
    fill(logs, rng)
    opened: list[str] = []

    def noted(path: str, *args: Any, **options: Any) -> Any:
        opened.append(path)
        return read_entry(path, *args, **options)

    def noted_grown(path: str, known: Any, before: Any) -> Any:
        opened.append(f"{path} {'goes on' if before.begun else 'anew'}")
        return read_grown(path, known, before)

    monkeypatch.setattr(read_module, "read_entry", noted)
    monkeypatch.setattr(keeper, "read_grown", noted_grown)

    def run(*paths: Path) -> list[str]:
        cache = Cache(kept, b"test", most_of=_KINDS)
        reading = read_inputs([str(path) for path in paths], cache=cache)
        cache.close()
        assert reading.formats["cline"] == 2
        assert reading.files > 5
        found, opened[:] = list(opened), []
        return found

    assert len(run(logs)) > 5
    assert run(logs) == []
    assert run(logs, logs / "odd.jsonl") == []
    changed = next(logs.glob("project-0/*.jsonl"))
    for how in ("anew", "goes on", "goes on"):
        append_turn(changed, rng)
        assert run(logs) == [f"{changed} {how}"]
    changed.write_bytes(b"")
    assert run(logs) == [str(changed)]


def test_estimates_from_the_cache_are_those_made_anew(fixtures: Path, tmp_path: Path) -> None:
    """To the last digit, with the steps of the estimator kept."""
    logs = [str(fixtures / "claude-code")]
    plain = api.with_estimates(api.read(logs))
    for _ in range(2):
        cache = Cache(tmp_path, b"test")
        again = api.with_estimates(api.read(logs, cache=cache))
        cache.close()
        assert repr(again.groups) == repr(plain.groups)
        for name, column in (plain.trace.estimates.values if plain.trace.estimates else {}).items():
            assert again.trace.estimates is not None
            assert again.trace.estimates.values[name].tobytes() == column.tobytes()
