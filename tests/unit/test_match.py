"""Which records are one call: what each key joins, and what it must not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from latprof.ingest.match import KEYS, Record, match
from latprof.model import Call
from made_calls import NOON, made

LONG = "req_011CXraEX8jNi15VRMpTHYL3"


def a_call(number: int = 1, *, end: float = 4.0, **fields: Any) -> Call:
    """A call that has no ids, and counts of its own unless they are given."""
    plain: dict[str, Any] = {
        "message_id": None, "request_id": None, "blocks": (), "last_output_at": NOON + end,
        "input_tokens": 1000 + number, "output_tokens": 100 + number,
    }  # fmt: skip
    return made(number, **plain | fields)


def groups(*sources: Sequence[Call]) -> list[list[str]]:
    """Which sources' calls are together, as 'a0' for the first call of source a."""
    names = {
        f"{name}{number}": Record(name, call)
        for name, calls in zip("abcd", sources, strict=False)
        for number, call in enumerate(calls)
    }
    found = match(names.values())
    return sorted(sorted(name for record in group for name, own in names.items() if own is record) for group in found)


def are_one(one: Call, two: Call) -> bool:
    return groups([one], [two]) == [["a0", "b0"]]


def test_the_keys_are_tried_from_the_surest_to_the_least_sure() -> None:
    """Ids before facts before times."""
    assert [key.name for key in KEYS] == [
        "call id", "id of request or response", "session and token counts", "session", "token counts",
        "session known by two names",
    ]  # fmt: skip


def test_a_long_id_joins_whatever_else_differs() -> None:
    """Another agent's name, session, model and clock."""
    row = a_call(agent="litellm", session_id="t", model="x/y", end=9999, request_id=LONG)
    assert are_one(a_call(request_id=LONG), row)


def test_the_id_of_a_response_is_the_same_under_either_name() -> None:
    """A gateway calls it the request's, the agent the message's."""
    assert are_one(a_call(message_id=LONG), a_call(end=60, request_id=LONG))


@pytest.mark.parametrize("weak", ["chatcmpl-1", "1", "resp_0000000000000000", "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx"])
def test_an_id_that_may_repeat_counts_inside_its_session_only(weak: str) -> None:
    """Servers of one's own count from one again; masked ids are all alike."""
    assert are_one(a_call(request_id=weak), a_call(2, end=60, request_id=weak))
    assert not are_one(a_call(request_id=weak), a_call(2, end=60, request_id=weak, session_id="other"))


def test_an_id_that_one_source_gives_to_two_calls_names_neither() -> None:
    """It is no id of a call then."""
    twice = [a_call(1, request_id=LONG), a_call(2, end=60, message_id=LONG)]
    assert groups(twice, [a_call(3, end=90, agent="litellm", request_id=LONG)]) == [["a0"], ["a1"], ["b0"]]


def test_an_export_is_not_counted_beside_its_logs() -> None:
    """It states the id that latprof gave the call."""
    log = a_call()
    assert are_one(log, a_call(stated_id=log.call_id, end=4.0004))
    named = a_call(request_id=LONG)
    assert are_one(named, a_call(stated_id=named.call_id, request_id=LONG, end=4.0004, session_id=""))


def test_equal_counts_in_one_session_join_what_telemetry_wrote_late() -> None:
    """Up to a second; not with other counts, not in another session."""
    assert are_one(a_call(), a_call(end=4.4))
    assert not are_one(a_call(), a_call(end=5.1))
    assert not are_one(a_call(), a_call(end=4.4, output_tokens=7))
    assert not are_one(a_call(), a_call(end=4.4, session_id="other"))
    assert not are_one(a_call(), a_call(end=4.4, agent="codex"))


def test_one_session_and_one_end_join_what_has_no_counts() -> None:
    """Within 50 ms; a fact that both know must be the same."""
    bare: dict[str, Any] = {"input_tokens": None, "output_tokens": None}
    assert are_one(a_call(), a_call(end=4.04, **bare))
    assert not are_one(a_call(), a_call(end=4.06, **bare))
    assert not are_one(a_call(), a_call(end=4.04, model="model-b", **bare))
    assert not are_one(a_call(request_id=LONG), a_call(end=4.04, request_id=LONG.replace("CXra", "DYsb"), **bare))
    assert not are_one(a_call(), a_call(end=4.01, output_tokens=7))


def test_ids_of_two_services_do_not_contradict_each_other() -> None:
    """One names the request, the other the response."""
    assert are_one(a_call(request_id=LONG), a_call(end=4.02, request_id="resp_310d70c35dd3ecf5898e53e0c517a35a"))
    one, two = ("resp_310d70c35dd3ecf5898e53e0c517a35a", "resp_410d70c35dd3ecf5898e53e0c517a35a")
    assert not are_one(a_call(request_id=one), a_call(end=4.02, request_id=two))


def test_equal_counts_and_one_end_join_sessions_with_different_names() -> None:
    """Within 50 ms, both counts known."""
    assert are_one(a_call(), a_call(end=4.04, session_id="other"))
    assert not are_one(a_call(), a_call(end=4.06, session_id="other"))
    assert not are_one(a_call(input_tokens=None), a_call(input_tokens=None, session_id="other"))


def test_a_call_without_counts_follows_the_others_of_its_session() -> None:
    """Two calls show that the two names mean one session; one alone could be chance."""
    bare: dict[str, Any] = {"input_tokens": None, "output_tokens": None}
    ours = [a_call(1, end=4), a_call(2, end=10), a_call(3, end=20, **bare)]
    theirs = [a_call(1, end=4, session_id="b"), a_call(2, end=10, session_id="b")]
    last = a_call(3, end=20.01, session_id="b", **bare)
    assert groups(ours, [*theirs, last]) == [["a0", "b0"], ["a1", "b1"], ["a2", "b2"]]
    assert groups(ours[1:], [theirs[1], last]) == [["a0", "b0"], ["a1"], ["b1"]]


def test_two_that_fit_equally_are_joined_with_neither() -> None:
    """Parallel calls that ended together, without anything to tell them apart."""
    bare: dict[str, Any] = {"input_tokens": None, "output_tokens": None}
    together = [a_call(1, end=4.00, message_id="m1", **bare), a_call(2, end=4.02, message_id="m2", **bare)]
    assert groups(together, [a_call(end=4.01, **bare)]) == [["a0"], ["a1"], ["b0"]]
    # What an id has settled is no rival any more.
    known = [a_call(1, end=4.0, request_id=LONG, **bare), a_call(2, end=4.02, **bare)]
    assert groups(known, [a_call(end=4.0, request_id=LONG, **bare), a_call(end=4.03, **bare)]) == [
        ["a0", "b0"],
        ["a1", "b1"],
    ]


def test_calls_of_one_source_are_never_joined() -> None:
    """Whatever they have in common."""
    alike = [a_call(message_id="m1", request_id=LONG), a_call(message_id="m2", request_id=LONG)]
    assert groups(alike) == [["a0"], ["a1"]]
    chain = groups([a_call(end=4.00), a_call(end=4.08, stated_id="x")], [a_call(end=4.03)], [a_call(end=4.06)])
    assert all(len({name[0] for name in group}) == len(group) for group in chain)


def test_a_load_test_is_joined_by_ids_only() -> None:
    """Its calls are alike and end together."""
    load: dict[str, Any] = {"trigger": "synthetic", "agent": "load-test"}
    assert not are_one(a_call(**load), a_call(**load, message_id="m"))
    assert are_one(a_call(**load, request_id=LONG), a_call(**load, request_id=LONG))


def test_calls_without_a_date_are_joined_by_ids_only() -> None:
    """Their times mean nothing beside others."""
    assert not are_one(a_call(flags=("no_date",)), a_call(message_id="m"))


def test_four_sources_of_one_call_are_one_call() -> None:
    """A log, its telemetry twice, and a gateway: by three keys."""
    log = a_call(message_id="msg_01HQoKsZL395kwZVhc24ncsL", request_id=LONG)
    event, span = a_call(request_id=LONG, end=4.3), a_call(message_id="3c687aa360ee2f62", end=4.6)
    row = a_call(agent="litellm", session_id="t", request_id="msg_01HQoKsZL395kwZVhc24ncsL")
    assert groups([log], [event], [span], [row]) == [["a0", "b0", "c0", "d0"]]
