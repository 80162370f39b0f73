"""The speed bench: its history is what it says, and its verdicts follow from the figures."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

import latprof

BENCH = Path(__file__).resolve().parents[2] / "bench" / "speed"
SIZE = 400_000


@pytest.fixture
def corpus(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(BENCH))
    return importlib.import_module("speed_corpus")


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(BENCH))
    spec = importlib.util.spec_from_file_location("speed_bench", BENCH / "speed_bench.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "speed_bench", module)
    spec.loader.exec_module(module)
    return module


def digest(folder: Path) -> str:
    parts = (
        path.relative_to(folder).as_posix().encode() + path.read_bytes() for path in sorted(folder.rglob("*.jsonl"))
    )
    return hashlib.sha256(b"".join(parts)).hexdigest()


def test_the_history_is_the_same_every_time_and_as_large_as_asked(corpus: ModuleType, tmp_path: Path) -> None:
    """Same size and seed, same bytes; another seed, others."""
    made = [corpus.make(tmp_path / name, SIZE, seed) for name, seed in (("a", 1), ("b", 1), ("c", 2))]
    assert made[0] == made[1]
    assert digest(tmp_path / "a") == digest(tmp_path / "b") != digest(tmp_path / "c")
    assert sum(path.stat().st_size for path in (tmp_path / "a").rglob("*.jsonl")) >= SIZE


def test_the_history_holds_the_calls_that_it_counts(corpus: ModuleType, tmp_path: Path) -> None:
    """As latprof reads it: all calls, nothing unreadable but torn last lines; added ones are added."""
    made = corpus.make(tmp_path, SIZE, 3)
    read = latprof.read([str(tmp_path)])
    assert len(read.trace) == sum(made.values()) > 20
    assert set(read.reading.problem_counts()) <= {"bad_line", "torn_line"}
    more = corpus.append(tmp_path / "grown" / "grown.jsonl", 100_000, seed=9)
    assert len(latprof.load([str(tmp_path)])) == sum(made.values()) + more


def test_logs_that_are_there_grow_by_new_calls_of_their_own_kind(corpus: ModuleType, tmp_path: Path) -> None:
    """No call is a copy of one that is there or of another seed's; models are the same, times later; nothing is cut."""
    corpus.make(tmp_path / "logs", SIZE, 5)
    logs = sorted((tmp_path / "logs").rglob("*.jsonl"))
    before = latprof.load([str(tmp_path / "logs")])
    alone = []
    for seed in (1, 2):
        assert 50_000 <= corpus.again(logs, tmp_path / f"{seed}" / "grown.jsonl", 50_000, seed) < 200_000
        read = latprof.read([str(tmp_path / f"{seed}")])
        assert not read.reading.problem_counts()
        alone.append(read.trace)
    assert all(len(trace) > 2 for trace in alone)
    every = latprof.load([str(tmp_path)])
    assert len(every) == len(before) + sum(map(len, alone))
    assert set(every.counts("model")) == set(before.counts("model"))
    assert min(trace.numbers["sent_at"].min() for trace in alone) > before.numbers["sent_at"].max()


def test_a_log_that_is_drawn_twice_gives_new_calls_each_time(corpus: ModuleType, tmp_path: Path) -> None:
    """Three times its size, three times its calls; an empty log gives nothing, and is not waited for."""
    corpus.append(tmp_path / "logs" / "one.jsonl", 20_000, seed=6)
    (log,) = (tmp_path / "logs").iterdir()
    (tmp_path / "logs" / "none.jsonl").touch()
    size = log.stat().st_size
    corpus.again(list((tmp_path / "logs").iterdir()), tmp_path / "more" / "grown.jsonl", 3 * size, 1)
    assert len(latprof.load([str(tmp_path / "more")])) == 3 * len(latprof.load([str(log)]))
    assert corpus.again([tmp_path / "logs" / "none.jsonl"], tmp_path / "nothing.jsonl", 10, 1) == 0


def test_linked_parts_are_the_same_files(corpus: ModuleType, tmp_path: Path) -> None:
    """A part of the history takes no room, and no more files than its size needs."""
    made = corpus.make(tmp_path / "whole", SIZE, 4)
    names = corpus.link(tmp_path / "whole", tmp_path / "part", 1)
    assert len(names) == 1
    assert set(names) <= set(made)
    assert (tmp_path / "part" / names[0]).samefile(tmp_path / "whole" / names[0])


@pytest.mark.parametrize(
    ("points", "off"),
    [([(1, 3), (2, 5), (4, 9)], 0.0), ([(0, 1), (1, 1), (2, 4)], 1.0), ([(0, 1), (2, 1), (1, 1.6)], 0.4 / 1.2)],
)
def test_how_far_points_are_off_a_line(bench: ModuleType, points: list[tuple[float, float]], off: float) -> None:
    """By hand: all on 2x + 1; fitted 0.5, 2 and 3.5, the first off by 0.5 of 0.5; fitted 1.2 throughout."""
    assert bench._off_line(points) == pytest.approx(off)


def test_promises_are_judged_by_their_limit(bench: ModuleType) -> None:
    """At the limit it holds, above it fails; the page shows both with their figures."""
    results = bench.Results()
    results.promise("a", 0.9, 0.9)
    results.promise("b", 0.91, 0.9)
    assert [verdict for _, _, verdict in results.promises] == ["holds", "FAILS"]
    assert "| b | 0.91 x | FAILS |" in list(results.lines(1_000_000))


def test_a_page_is_written_between_its_marks_only(bench: ModuleType, tmp_path: Path) -> None:
    """What a person wrote stays; a page without marks is refused."""
    page = tmp_path / "page.md"
    page.write_text(f"before\n{bench._BEGIN}\nold\n{bench._END}\nafter\n", encoding="utf-8")
    bench.written(page, "new")
    assert page.read_text(encoding="utf-8") == f"before\n{bench._BEGIN}\n\nnew\n\n{bench._END}\nafter\n"
    page.write_text("nothing", encoding="utf-8")
    with pytest.raises(SystemExit, match="has no lines"):
        bench.written(page, "new")
