"""`latprof doctor`: the exact setting for each agent found."""

from __future__ import annotations

from pathlib import Path

from latprof import api
from latprof.formats import formats
from latprof.report.doctor import doctor_document
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
    document = doctor_document([])
    assert document.data["formats"] == []
    assert len(document.sections) == 1
