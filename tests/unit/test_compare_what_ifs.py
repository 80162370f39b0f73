"""Other routing of the same calls: what it saves, worked out by hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from compared import one_day, small_catalogue
from latprof.compare import WhatIf, usage_of, what_ifs
from latprof.errors import UsageError
from latprof.model import Block, Call
from made_calls import NOON, made, trace_of


def _answers(folder: Path, text: str, calls: list[Call]) -> tuple[WhatIf, ...]:
    trace = trace_of(*calls)
    return what_ifs([text], trace, usage_of(trace), small_catalogue(folder))


def _mean(answer: WhatIf) -> float:
    assert answer.time is not None
    return answer.time.mean_s


def test_a_cascade_moves_only_small_calls_after_tools(tmp_path: Path) -> None:
    """Half the calls follow tools: 4 s become 1.5, so 1.25 s are saved per call; every source has its answer."""
    calls = [*one_day(6), *(made(20 + k, at=NOON + 300 + 10 * k, trigger="tool_result") for k in range(6))]
    ours, theirs = _answers(tmp_path, "cascade=even:91", calls)
    assert ours.touched == theirs.touched == 6
    assert _mean(ours) == pytest.approx(-1.25)
    assert _mean(theirs) == pytest.approx((10.5 - 4) / 2)
    assert "knows beforehand" in ours.assumption
    assert _answers(tmp_path, "cascade=even:90", calls)[0].touched == 0


def test_a_cascade_to_an_unknown_speed_is_refused(tmp_path: Path) -> None:
    """A sum over streams cannot answer."""
    (answer,) = _answers(tmp_path, "cascade=summed", one_day())
    assert answer.time is None
    assert answer.refused


def test_faster_generation_leaves_the_first_token(tmp_path: Path) -> None:
    """3 s after the first token become 1.5."""
    (answer,) = _answers(tmp_path, "fast=2", one_day())
    assert _mean(answer) == pytest.approx(-1.5)
    assert answer.money is None


def test_less_effort_saves_time_and_output(tmp_path: Path) -> None:
    """A third of 3 s and of 91 tokens at 100 USD."""
    (answer,) = _answers(tmp_path, "effort=0.5", one_day())
    assert _mean(answer) == pytest.approx(-1.5)
    assert answer.money is not None
    assert answer.money.mean_s == pytest.approx(-0.5 * 91 * 100 / 1e6)


def test_another_cache_share_costs_by_its_price(tmp_path: Path) -> None:
    """All input cached: 1,000 × 1 instead of 50 × 10 + 800 × 1 + 150 × 20. Calls that are all alike show no time."""
    (answer,) = _answers(tmp_path, "cache=1", one_day())
    assert answer.money is not None
    assert answer.money.mean_s == pytest.approx((1000 - 500 - 800 - 3000) / 1e6)
    assert answer.time is None
    assert "do not show" in answer.refused


def test_the_time_of_a_token_is_read_off_the_calls(tmp_path: Path) -> None:
    """First tokens of 1 s + 1 ms per uncached token: with 90 % cached, 100 of 1,000 are uncached."""
    calls = []
    for number in range(40):
        cached = 100 * (number % 10)
        first = 1 + 0.001 * (1000 - cached)
        at = NOON + 20 * number
        calls.append(
            made(
                number, at=at, session_id=f"s{number % 4}", cache_read_tokens=cached, cache_write_tokens=0,
                first_output_at=at + first,
            )
        )  # fmt: skip
    (answer,) = _answers(tmp_path, "cache=0.9", calls)
    assert _mean(answer) == pytest.approx(-0.001 * (550 - 100))


def test_tools_at_once_save_first_tokens(tmp_path: Path) -> None:
    """Three calls that each ask to read one file: the second and third could have been asked for with the first."""

    def asking(number: int, tool: str) -> Call:
        at = NOON + 10 * number
        blocks = (Block("tool_use", start_at=at + 1, end_at=at + 4, name=tool),)
        return made(number, at=at, trigger="tool_result" if number else "user", blocks=blocks)

    (answer,) = _answers(tmp_path, "parallel", [asking(k, "Read") for k in range(3)])
    assert answer.touched == 2
    assert _mean(answer) == pytest.approx(-2 / 3)
    assert "most that can be saved" in answer.assumption
    assert _answers(tmp_path, "parallel", [asking(k, "Edit") for k in range(3)])[0].touched == 0


@pytest.mark.parametrize("text", ["fast=2", "effort=0.5"])
def test_without_first_tokens_a_time_is_refused_not_zero(tmp_path: Path, text: str) -> None:
    """Where a log states no first token, nobody knows how much of a call is generation; prices need none."""
    (answer,) = _answers(tmp_path, text, one_day(first_output_at=None, first_output_source=None, blocks=()))
    assert answer.time is None
    assert "first token of 0 % of these calls is known" in answer.refused
    assert (answer.money is None) == (text == "fast=2")


def test_calls_without_a_first_token_are_like_the_others_not_unchanged(tmp_path: Path) -> None:
    """3 s after the first token become 1.5 in the known 12 of 16 calls: 1.5 s a call, and what is assumed is said."""
    unknown = [
        made(40 + k, at=NOON + 400 + 10 * k, first_output_at=None, first_output_source=None, blocks=())
        for k in range(4)
    ]
    (answer,) = _answers(tmp_path, "fast=2", [*one_day(), *unknown])
    assert _mean(answer) == pytest.approx(-1.5)
    assert "75 % of these calls is known, and the others are like them" in answer.assumption


def test_nothing_to_ask_at_once_changes_nothing(tmp_path: Path) -> None:
    """Without two reads in a row the change is 0, for certain, whatever is known of first tokens."""
    (answer,) = _answers(tmp_path, "parallel", one_day(first_output_at=None, first_output_source=None, blocks=()))
    assert (answer.touched, answer.refused, _mean(answer)) == (0, "", 0)


@pytest.mark.parametrize("text", ["warp", "fast=0", "fast=x", "cache=1.5", "effort=", "parallel=3", "cascade=even:-1"])
def test_what_is_not_understood_is_refused(tmp_path: Path, text: str) -> None:
    """The name, or how the value is written, is in the sentence."""
    with pytest.raises(UsageError):
        _answers(tmp_path, text, one_day())
