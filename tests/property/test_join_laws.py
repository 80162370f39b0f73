"""Laws of joining, on any records: nothing is lost, order means nothing, one source's calls stay apart."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from latprof.ingest.join import join
from latprof.ingest.match import Record, match
from latprof.ingest.merge import Merger
from latprof.model import Call
from made_calls import NOON, made

pytestmark = pytest.mark.property

IDS = (None, "r1", "req_011CXraEX8jNi15VRMpTHYL3", "msg_01HQoKsZL395kwZVhc24ncsL")
FLAGS = ((), ("no_date",), ("whole_seconds",), ("batched_chunks",), ("interrupted",))


@st.composite
def calls(draw: st.DrawFn) -> Call:
    """Calls that are close to each other in every way, so that many keys fit."""
    end = NOON + draw(st.integers(0, 30)) * 0.01
    first = draw(st.sampled_from([None, end - 1]))
    fields: dict[str, Any] = {
        name: draw(st.sampled_from(values))
        for name, values in {
            "agent": ("codex", "litellm"), "session_id": ("", "s", "t"), "message_id": IDS, "request_id": IDS,
            "model": (None, "a", "b"), "input_tokens": (None, 10, 20), "output_tokens": (None, 5),
            "trigger": ("user", "unknown", "synthetic"), "flags": FLAGS, "told_by": ("", "span"),
            "stated_id": (None, None, "codex/s:/a/1"),
        }.items()
    }  # fmt: skip
    fields |= {"first_output_at": first, "first_output_source": None if first is None else "first_token"}
    counts: dict[str, Any] = {
        "cache_read_tokens": None,
        "cache_write_tokens": None,
        "last_output_at": end,
        "blocks": (),
    }
    return made(1, at=end - 2, **counts, **fields)


histories = st.lists(st.tuples(st.sampled_from(["log", "telemetry", "gateway"]), calls()), max_size=14)


def records(history: list[tuple[str, Call]]) -> list[Record]:
    merger = Merger()
    for reader, call in history:
        merger.add(call, reader)
    return merger.records()


@given(histories)
def test_every_record_is_in_exactly_one_group_and_no_group_has_two_of_one_source(
    history: list[tuple[str, Call]],
) -> None:
    """So no source has fewer calls after joining than before."""
    found = records(history)
    groups = match(found)
    assert Counter(map(repr, (record for group in groups for record in group))) == Counter(map(repr, found))
    for group in groups:
        assert len({record.source for record in group}) == len(group)


@given(histories, st.randoms())
def test_the_order_of_files_does_not_matter(history: list[tuple[str, Call]], shuffler: random.Random) -> None:
    """The same calls, whichever file came first."""
    mixed = list(history)
    shuffler.shuffle(mixed)
    assert sorted(map(repr, join(records(mixed)).calls)) == sorted(map(repr, join(records(history)).calls))


@given(histories)
def test_records_are_counted(history: list[tuple[str, Call]]) -> None:
    """Each one is a call or was taken into one."""
    found = records(history)
    joined = join(found)
    assert len(joined.calls) + joined.taken_in == len(found)
    most = max(Counter(source for source, _ in found).values(), default=0)
    assert most <= len(joined.calls) <= len(found)


@given(histories)
def test_one_source_alone_is_left_as_it_is(history: list[tuple[str, Call]]) -> None:
    """Nothing to join."""
    found = [Record("log", call) for _, call in records(history)]
    assert join(found).calls == [call for _, call in found]


@given(histories)
def test_instants_and_their_sources_stay_together_and_come_from_the_records(history: list[tuple[str, Call]]) -> None:
    """No instant is made up, none is lost, and its name goes with it."""
    for group in match(records(history)):
        (call,) = join(group).calls
        for name in ("sent", "first_output", "last_output"):
            told = {(getattr(own, f"{name}_at"), getattr(own, f"{name}_source")) for _, own in group}
            assert (getattr(call, f"{name}_at"), getattr(call, f"{name}_source")) in told
        if call.output_tokens is None:
            assert call.reasoning_tokens is None
