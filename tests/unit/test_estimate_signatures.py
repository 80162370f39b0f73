"""Thinking that is shown beside signatures whose length tells nothing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from estimated_calls import RATIO, Made, made
from latprof.estimate import call_reading, estimate
from latprof.estimate.calibrate import calibrate
from latprof.estimate.observe import observe, usable
from latprof.model import Block, Call
from latprof.trace import Trace

SIGNATURE = 340


def _shown(call: Call, signature: int | None) -> Call:
    """Thinking with its text in the log, and a signature of that length; None: as long as the text."""

    def block(old: Block) -> Block:
        if old.type != "thinking":
            return old
        size = old.signature_characters
        return replace(old, characters=size, signature_characters=size if signature is None else signature)

    return replace(call, blocks=tuple(map(block, call.blocks)))


@pytest.fixture(scope="module")
def drawn() -> Made:
    return made(500, seed=21)


def test_shown_thinking_tells_its_tokens(drawn: Made) -> None:
    """First tokens come back although every signature has the same length."""
    trace = Trace.from_calls([_shown(call, SIGNATURE) for call in drawn.calls])
    found = estimate(trace)
    assert found.groups[0].refused is None
    truth = dict(zip((call.call_id for call in drawn.calls), drawn.ttft_s, strict=True))
    first = np.array([truth[str(name)] for name in trace.texts["call_id"]])
    values = found.estimates.values["ttft_s"]
    for probability, share in ((0.1, 0.1), (0.5, 0.05), (0.9, 0.1)):
        assert np.quantile(values, probability) == pytest.approx(np.quantile(first, probability), rel=share)
    calibration = found.groups[0].calibration
    assert calibration is not None
    assert calibration.characters_per_token("thinking") == pytest.approx(RATIO["thinking"], rel=0.08)
    assert calibration.size_of("thinking") == "characters"


def test_signatures_that_grow_with_the_thinking_are_used(drawn: Made) -> None:
    """The same sizes in signatures beside the text, or in signatures alone, give the same calibration."""
    fits = []
    for calls in (drawn.calls, [_shown(call, None) for call in drawn.calls]):
        trace = Trace.from_calls(calls)
        observed = observe(trace, np.flatnonzero(usable(trace)))
        fits.append(calibrate(observed.blocks, observed.tokens))
    assert np.array_equal(fits[0].coefficients, fits[1].coefficients)


def test_one_call_is_explained_as_its_group_is(drawn: Made) -> None:
    """Alone, a call's signature would not be known to tell nothing."""
    trace = Trace.from_calls([_shown(call, SIGNATURE) for call in drawn.calls])
    found = estimate(trace)
    trace = trace.with_estimates(found.estimates)
    long = [
        (block.characters, reading.tokens)
        for row in range(60)
        for block, reading in zip(trace.blocks[row], call_reading(trace, row, found.groups).blocks, strict=True)
        if block.type == "thinking" and (block.characters or 0) > 400
    ]
    assert long
    for characters, tokens in long:
        assert tokens == pytest.approx((characters or 0) / RATIO["thinking"], rel=0.3)
