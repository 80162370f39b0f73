"""Scrubbed logs show the same figures."""

from __future__ import annotations

import gzip
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import zstandard

from latprof import api
from latprof.errors import UsageError
from latprof.formats import formats
from latprof.report import build_document
from latprof.share.folder import scrub_folder
from latprof.share.masking import Masker

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures"
AGENTS = sorted({path.parents[1].name for path in FIXTURES.glob("*/*/input") if path.is_dir()})


def figures(folder: Path) -> Any:
    """What `analyze --json` prints; it shows no ids and no paths."""
    return build_document(api.analyze(api.read([str(folder)]))).data


def files_below(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize("agent", AGENTS)
def test_the_analysis_of_scrubbed_logs_is_the_same(agent: str, tmp_path: Path) -> None:
    """Every log of every format in the fixtures is kept; numbers, names, counts and notes are the same."""
    before = {path: path.stat().st_mtime_ns for path in files_below(FIXTURES / agent)}
    result = scrub_folder(FIXTURES / agent, tmp_path / "out", salt=b"salt")
    assert result.refused == []
    assert result.identical
    assert result.files > 0
    assert figures(tmp_path / "out") == figures(FIXTURES / agent)
    assert {path: path.stat().st_mtime_ns for path in files_below(FIXTURES / agent)} == before


def test_every_format_has_a_fixture_that_is_scrubbed() -> None:
    """A new reader comes with logs that this file tests."""
    assert {item.name for item in formats()} <= set(AGENTS)


@pytest.mark.parametrize("packing", ["gz", "zst"])
def test_packed_logs_stay_packed(packing: str, tmp_path: Path) -> None:
    """As small as they were, without the name that gzip keeps of the file."""
    (log,) = (FIXTURES / "pi" / "real-v1" / "input").rglob("*.jsonl")
    (tmp_path / "logs").mkdir()
    packed = tmp_path / "logs" / f"{log.name}.{packing}"
    if packing == "gz":
        with gzip.open(packed, "wb") as stream:
            stream.write(log.read_bytes())
    else:
        packed.write_bytes(zstandard.ZstdCompressor().compress(log.read_bytes()))
    result = scrub_folder(tmp_path / "logs", tmp_path / "out", salt=b"salt")
    assert (result.files, result.refused, result.identical) == (1, [], True)
    (copy,) = files_below(tmp_path / "out")
    assert copy.name.endswith(f".jsonl.{packing}")
    assert copy.read_bytes()[:4] in {b"\x1f\x8b\x08\x00", b"\x28\xb5\x2f\xfd"}
    assert figures(tmp_path / "out") == figures(tmp_path / "logs")


def test_files_that_belong_together_still_do(tmp_path: Path) -> None:
    """A sub-agent's file is found by its parent, whose id is the name of its folder."""
    source = FIXTURES / "claude-code" / "recorded-2.1.300-subagent"
    scrub_folder(source, tmp_path / "out", salt=b"salt")
    (main,) = (path for path in files_below(tmp_path / "out") if path.parent.parent.name == "projects")
    (sub,) = (path for path in files_below(tmp_path / "out") if path.name.endswith(".jsonl") and path != main)
    assert sub.parts[-3:-1] == (main.stem, "subagents")
    assert {json.loads(line)["sessionId"] for line in sub.read_text().splitlines()} == {main.stem}
    assert main.stem != "12b21fcb-dcb1-4045-b17b-8ca36b4341f1"


def test_a_log_that_cannot_be_opened_is_named(tmp_path: Path) -> None:
    """With a sentence; the others are copied."""
    (log,) = (FIXTURES / "pi" / "real-v1" / "input").rglob("*.jsonl")
    (tmp_path / "logs").mkdir()
    shutil.copy(log, tmp_path / "logs")
    (tmp_path / "logs" / "cut.jsonl.gz").write_bytes(gzip.compress(log.read_bytes())[:900])
    result = scrub_folder(tmp_path / "logs", tmp_path / "out", salt=b"salt")
    assert result.files == 1
    assert not result.identical
    assert [(Path(path).name, reason) for path, reason in result.refused] == [
        ("cut.jsonl.gz", "it cannot be rewritten (EOFError).")
    ]
    assert len(files_below(tmp_path / "out")) == 1


def test_masked_text_has_the_same_size() -> None:
    """In characters, in bytes, in lines and as JSON; the lengths of words are gone."""
    text = 'Grüße "dir" \\ 語\n\t🙂 ok'
    masked = Masker(b"1").text(text)
    assert len(masked) == len(text)
    assert len(masked.encode()) == len(text.encode())
    assert len(json.dumps(masked)) == len(json.dumps(text))
    assert masked.count("\n") == 1
    assert " " not in masked


@pytest.mark.parametrize(
    "value",
    ["2026-06-01T08:00:01.250Z", "2026-06-01", "1785000000.25", "1785000000250", "42", "2.1.300", "v20.19"],
)
def test_times_counts_and_versions_stay(value: str) -> None:
    """They are what readers read."""
    assert Masker(b"1").value(value, public=True) == value


@pytest.mark.parametrize(
    "value", ["192.168.17.44", "123456789012", "+4915112345678", "bob@example.net", "/srv/customer/ledger", "Zebrafink"]
)
def test_addresses_accounts_and_names_do_not(value: str) -> None:
    """Numbers that are no counts and no times are ids."""
    assert Masker(b"1").value(value, public=True) != value


def test_numbers_in_arguments_are_content(tmp_path: Path) -> None:
    """As many digits, all the same; those of the record stay."""
    (log,) = (FIXTURES / "pi" / "real-v1" / "input").rglob("*.jsonl")
    (tmp_path / "logs").mkdir()
    line = {"type": "message", "arguments": {"amount": 48213, "rate": 7.625, "on": True}, "tokens": 48213}
    (tmp_path / "logs" / "a.jsonl").write_text(log.read_text() + json.dumps(line) + "\n")
    scrub_folder(tmp_path / "logs", tmp_path / "out", salt=b"salt")
    (copy,) = files_below(tmp_path / "out")
    last = json.loads(copy.read_text().splitlines()[-1])
    assert list(last["arguments"].values()) == [11111, 1.111, True]
    assert last["tokens"] == 48213


def test_the_output_must_be_new_and_elsewhere(tmp_path: Path) -> None:
    """Nothing is overwritten, and no copy is read as a log of the same folder."""
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").touch()
    with pytest.raises(UsageError, match="not empty"):
        scrub_folder(FIXTURES / "pi", tmp_path / "full")
    with pytest.raises(UsageError, match="lies inside"):
        scrub_folder(tmp_path, tmp_path / "below")
    with pytest.raises(UsageError, match="No such file"):
        scrub_folder(tmp_path / "none", tmp_path / "below")
