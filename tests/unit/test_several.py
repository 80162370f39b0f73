"""Calls that lie in the logs of more than one engineer are counted and said, and nothing else changes."""

from __future__ import annotations

from pathlib import Path

from claude_code_lines import Log, text
from latprof import api
from latprof.ingest import Reading, read_inputs
from latprof.ingest.several import Several, likely_copies
from latprof.model import Call
from latprof.report import export_calls
from latprof.report.merging import merged_document
from latprof.report.several import several_notes
from latprof.share import anonymous
from latprof.trace import Columns
from made_calls import NOON, made, trace_of


def log(session: str, calls: int) -> bytes:
    lines = Log(session=session)
    for number in range(calls):
        lines.prompt(100.0 * number)
        lines.answer(100.0 * number + 2, f"{session}-{number}", text(), stop="end_turn")
    return lines.data()


def write(root: Path, **files: bytes) -> None:
    for name, data in files.items():
        path = root / name.replace("_", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.with_suffix(".jsonl").write_bytes(data)


def test_whole_sessions_in_two_folders_are_counted(tmp_path: Path) -> None:
    """3 of ana's 5 calls are bob's too, of one session; cleo has her own; figures are those without bob's copy."""
    write(tmp_path, ana_s1=log("s1", 3), ana_s2=log("s2", 2), bob_copy=log("s1", 3), cleo_s3=log("s3", 4))
    paths = [f"{name}={tmp_path}/{name}" for name in ("ana", "bob", "cleo")]
    loaded = api.read(paths)
    assert loaded.reading.of_several == Several(calls=3, sessions=1)
    (note,) = (item for item in api.analyze(loaded).notes if "more than one engineer" in item)
    assert note.startswith("3 calls of 1 session lie in the logs")
    data = merged_document(loaded.trace, loaded.reading, "x.csv").data
    assert (data["calls_of_several_engineers"], data["sessions_of_several_engineers"]) == (3, 1)
    alone = api.read([paths[0], paths[2]])
    assert len(loaded.trace) == len(alone.trace) == 9
    assert list(loaded.trace.texts["engineer"]) == list(alone.trace.texts["engineer"])


def test_copies_of_one_person_or_of_nobody_are_none(tmp_path: Path) -> None:
    """A backup of one's own, and a folder that nobody's name is on, say nothing of a second person."""
    write(tmp_path, ana_s1=log("s1", 3), more_s1=log("s1", 3))
    for paths in (["ana={}/ana", "ana={}/more"], ["ana={}/ana", "{}/more"], ["{}/ana", "{}/more"]):
        reading = read_inputs([path.format(tmp_path) for path in paths])
        assert (reading.of_several, reading.copies) == (Several(), 3)
        assert several_notes(reading) == []


def test_one_call_reads_well() -> None:
    """Numbers agree with their words."""
    (note,) = several_notes(Reading(of_several=Several(1, 1)))
    assert note.startswith("1 call of 1 session lies in the logs of more than one engineer.")


def test_copies_under_other_ids_are_named(tmp_path: Path) -> None:
    """Of 3 calls, anonymised with two salts, 3 count twice; with one salt, and of a load test's calls, none does."""
    trace = trace_of(*(made(number, at=NOON + 100 * number) for number in (1, 2, 4)))
    for name, salt in (("one", b"a"), ("same", b"a"), ("other", b"b")):
        (tmp_path / f"{name}.jsonl").write_bytes(export_calls(anonymous(trace, salt), "jsonl"))

    def read(*names: str) -> api.Loaded:
        return api.read([str(tmp_path / f"{name}.jsonl") for name in names])

    for names in (("one",), ("one", "same")):
        assert (len(read(*names).trace), several_notes(read(*names).reading)) == (3, [])
    twice = read("one", "other")
    assert len(twice.trace) == 6
    (note,) = (item for item in api.analyze(twice).notes if "Likely counted twice" in item)
    assert note.startswith("Likely counted twice: 3 calls are like another")
    (of_one,) = several_notes(Reading(likely_copies=1))
    assert of_one.startswith("Likely counted twice: 1 call is like another")


def test_calls_that_only_start_together_are_no_copies() -> None:
    """A load test's calls, calls of coarse times, and two calls that differ in one fact."""
    alike = (made(1), made(2))
    at = NOON + 7
    assert likely_copies(columns_of(made(1, at=at), made(2, at=at))) == 1
    assert likely_copies(columns_of(*alike)) == 0
    assert likely_copies(columns_of(made(1, at=at), made(2, at=at, wall=4.001))) == 0
    assert likely_copies(columns_of(made(1, at=at), made(2, at=at, model="model-b"))) == 0
    assert likely_copies(columns_of(made(1, at=at), made(2, at=at, output_tokens=92))) == 0
    assert likely_copies(columns_of(*(made(n, at=at, trigger="synthetic") for n in (1, 2)))) == 0


def columns_of(*calls: Call) -> Columns:
    return Columns.of(calls)
