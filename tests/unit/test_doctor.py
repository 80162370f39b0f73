"""`latprof doctor`: the exact setting for each agent found."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from latprof import api
from latprof.formats import formats
from latprof.ingest import Survey
from latprof.report.doctor import doctor_document
from latprof.report.document import Note, Table
from latprof.share.advice import ADVICE, NO_ADVICE

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures"


def test_every_advice_belongs_to_a_format() -> None:
    """A renamed reader would lose its advice silently."""
    assert set(ADVICE) <= {item.name for item in formats()}


def test_every_agent_with_a_place_of_its_own_has_advice_or_a_reason() -> None:
    """One of the two, never both."""
    placed = {item.name for item in formats() if item.roots and not item.refusal}
    assert placed <= set(ADVICE) | set(NO_ADVICE)
    assert set(NO_ADVICE) <= placed
    assert not set(ADVICE) & set(NO_ADVICE)


def test_settings_are_exact() -> None:
    """Each names a variable, an option, a key or a file that can be typed as it stands."""
    for advice in ADVICE.values():
        assert any(sign in advice.setting for sign in ("=", "--")), advice.setting


def test_the_setting_of_what_was_found_is_named() -> None:
    """Claude Code's spans hold first tokens; Kimi Code's own log holds them already."""
    document = doctor_document(api.survey([str(FIXTURES / "claude-code"), str(FIXTURES / "kimi-code")]))
    found = {item["name"]: item for item in document.data["formats"]}
    assert set(found) == {"claude-code", "kimi-code"}
    assert "CLAUDE_CODE_ENHANCED_TELEMETRY_BETA=1" in found["claude-code"]["setting"]
    assert found["kimi-code"]["setting"] is None
    assert found["kimi-code"]["ttft_s"] == "exact"


def test_nothing_found_says_what_to_do() -> None:
    """No table, one sentence."""
    document = doctor_document(Survey([]))
    assert document.data["formats"] == []
    assert len(document.sections) == 1


@pytest.mark.parametrize("name", ["claude-code", "codex", "kimi-code", "opencode", "qwen-code"])
def test_what_the_logs_tell_is_counted_in_their_calls(name: str) -> None:
    """Not what such a log may hold: as many calls of each kind as the expected calls of the fixtures have."""
    (item,) = (found for found in api.survey([str(FIXTURES / name)]).here)
    lines = [line for path in (FIXTURES / name).glob("*/expected.ndjson") for line in path.read_text().splitlines()]
    expected = {call["call_id"]: call for call in map(json.loads, lines)}
    assert item.calls == len(expected)
    for metric, kind in (("ttft_s", "ttft_kind"), ("wall_s", "wall_kind"), ("decode_tps", "decode_kind")):
        counts = Counter(call[kind] for call in expected.values() if call[kind] is not None)
        assert {how: item.seen[metric, how] for how in ("exact", "bound") if item.seen[metric, how]} == dict(counts)


def test_what_no_call_shows_is_said_with_the_version_that_does() -> None:
    """Old logs of an agent whose newer versions state the first token."""
    document = doctor_document(api.survey([str(FIXTURES / "codex" / "recorded-0.98.0")]))
    ((table, *notes),) = (section.items for section in document.sections)
    assert isinstance(table, Table)
    assert [cell.text for cell in table.rows[0]][2:] == ["–", "bound 100 %", "–", "bound 100 %", "exact 100 %"]
    assert any(isinstance(note, Note) and "decode from version 0.125 on" in note.text for note in notes)
