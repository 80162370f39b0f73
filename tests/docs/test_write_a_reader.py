"""The reader in the how-to is complete: installed as the page says, it keeps what every format promises."""

from __future__ import annotations

import importlib.util
import inspect
import re
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from types import ModuleType

import pytest

from installed_formats import install, installed
from latprof.formats import Format, Source, formats
from latprof.ingest import read_inputs
from latprof.model import Call, Problem
from latprof.trace import Trace

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "how-to" / "write-a-reader.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
CODE = next(body for language, body in BLOCKS if language == "python")
LOG = next(body for language, body in BLOCKS if '"acme_log"' in body and language == "text")
ENTRY = re.search(
    r'^\[project\.entry-points\."(?P<group>[\w.]+)"\]\n(?P<name>\w+) = "(?P<target>[\w:]+)"$', PAGE, re.MULTILINE
)
CONTRACT = [ROOT / "tests" / "contract" / name for name in ("test_formats.py", "test_format_promises.py")]
Check = Callable[..., None]


def contract(path: Path) -> ModuleType:
    """A file of the contract as a module of its own, not the one that is collected."""
    spec = importlib.util.spec_from_file_location(f"contract_of_page_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def checks(module: ModuleType, known: Collection[str]) -> Iterator[tuple[Check, list[str]]]:
    """Its checks of a format or a case that need nothing but what is known, with the names of what they need."""
    for name, check in vars(module).items():
        needed = list(inspect.signature(check).parameters) if name.startswith("test_") else []
        if {"item", "case"}.intersection(needed) and set(needed) <= set(known):
            yield check, needed


@pytest.fixture
def acme(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Format]:
    """The page's format, installed; its fixtures lie in the folder `fixtures`."""
    packages, case = tmp_path / "packages", tmp_path / "fixtures" / "acme" / "first"
    packages.mkdir()
    (case / "input").mkdir(parents=True)
    (case / "input" / "session.jsonl").write_text(LOG, encoding="utf-8")
    (case / "README.md").write_text("Origin: the page\n", encoding="utf-8")
    assert ENTRY is not None
    assert ENTRY["group"] == "latprof.formats"
    install(packages, ENTRY["target"].partition(":")[0], CODE, **{ENTRY["name"]: ENTRY["target"]})
    with installed(packages, monkeypatch):
        yield next(item for item in formats() if item.name == "acme")


def test_the_pages_log_gives_the_calls_that_it_shows(acme: Format) -> None:
    """Two calls with exact figures, and an attempt that failed."""
    items = list(acme.read(Source.from_bytes(LOG.encode())))
    calls = [item for item in items if isinstance(item, Call)]
    assert [(item.kind, item.line) for item in items if isinstance(item, Problem)] == [("failed_attempt", 2)]
    assert [call.trigger for call in calls] == ["user", "tool_result"]
    figures = Trace.from_calls(calls)
    for name, expected in (("ttft_s", [0.9, 0.4]), ("wall_s", [3.4, 1.4]), ("decode_tps", [60, 60])):
        assert figures.column(name).tolist() == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("path", CONTRACT, ids=lambda path: path.stem)
def test_the_pages_reader_keeps_the_contract(
    acme: Format, path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every check that takes a format, a log of it or a case; only the expected calls are not written down."""
    module = contract(path)
    monkeypatch.setattr(module, "FIXTURES", tmp_path / "fixtures")
    case = tmp_path / "fixtures" / "acme" / "first"
    log = case / "input" / "session.jsonl"
    known = {"item": acme, "path": log, "case": case, "monkeypatch": monkeypatch}
    done = 0
    for check, needed in checks(module, [*known, "tmp_path"]):
        own = {"tmp_path": tmp_path / f"check-{done}"}
        own["tmp_path"].mkdir()
        check(**{name: (known | own)[name] for name in needed})
        done += 1
    assert done >= 8


def test_the_page_says_that_the_reader_is_short() -> None:
    """Without the declaration of the format about forty lines."""
    reader = CODE.partition("FORMAT = ")[0]
    assert len([line for line in reader.splitlines() if line.strip()]) <= 50


def test_a_log_in_a_folder_is_found_beside_others(acme: Format, tmp_path: Path) -> None:
    """With the format installed nothing else has to be said."""
    reading = read_inputs([str(tmp_path / "fixtures")])
    assert reading.formats == {"acme": 1}
    assert len(reading.calls) == 2
    assert acme.agent == "acme"
