"""The estimator's own random numbers are those that numpy gave when it was written."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from latprof.estimate.chance import Chance


@pytest.mark.property
@given(st.one_of(st.integers(0, 5), st.integers(0, 2**200)), st.lists(st.one_of(st.none(), st.integers(0, 900))))
def test_numbers_are_those_of_numpy(seed: int, asked: list[int | None]) -> None:
    """Whatever is asked for one after the other: numbers from 0 to 1, and permutations, which take halves of words."""
    own, other = Chance(seed), np.random.default_rng(seed)
    for n in asked:
        if n is None:
            assert own.random() == other.random()
        else:
            assert own.permutation(n) == other.permutation(n).tolist()


def test_numbers_stay_what_they_are() -> None:
    """Should numpy change its own: the first numbers of seed 0, as its page of PCG64 with SeedSequence has them."""
    chance = Chance(0)
    assert [chance.random() for _ in range(3)] == [0.6369616873214543, 0.2697867137638703, 0.04097352393619469]


def test_a_seed_below_0_is_refused() -> None:
    """As numpy does."""
    with pytest.raises(ValueError, match="0 or more"):
        Chance(-1)
