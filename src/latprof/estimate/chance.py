"""Random numbers that are the same in every run, on every machine and with every version of numpy.

They are those of `numpy.random.default_rng`, which takes longer to load than a small model to fit, and does not promise
to keep its numbers: PCG64 (O'Neill, PCG: A Family of Simple Fast Space-Efficient Statistically Good Algorithms for
Random Number Generation, 2014) with its state spread from a seed as in numpy's SeedSequence.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import cycle, islice
from typing import Final

__all__ = ["Chance"]

_WORD: Final = (1 << 32) - 1
_LONG: Final = (1 << 64) - 1
_STATE: Final = (1 << 128) - 1
_STEP: Final = 0x2360ED051FC65DA44385DF649FCCF645
_POOL: Final = 4


class Chance:
    """A stream of random numbers. Raises ValueError for a seed below 0."""

    def __init__(self, seed: int) -> None:
        high, low, stream_high, stream_low = _spread(seed)
        self._added = ((stream_high << 64 | stream_low) << 1 | 1) & _STATE
        self._state = 0
        self._next()
        self._state = (self._state + (high << 64 | low)) & _STATE
        self._next()
        self._half: int | None = None

    def random(self) -> float:
        """A number from 0 to below 1."""
        return (self._next() >> 11) * 2.0**-53

    def permutation(self, n: int) -> list[int]:
        """The numbers below n in any order."""
        found = list(range(n))
        for place in range(n - 1, 0, -1):
            other = self._up_to(place)
            found[place], found[other] = found[other], found[place]
        return found

    def _next(self) -> int:
        """64 bits."""
        self._state = (self._state * _STEP + self._added) & _STATE
        high, low = self._state >> 64, self._state & _LONG
        mixed, turn = high ^ low, high >> 58
        return (mixed >> turn | mixed << (-turn & 63)) & _LONG

    def _next_half(self) -> int:
        """32 bits, of which two come at a time."""
        if self._half is not None:
            half, self._half = self._half, None
            return half
        both = self._next()
        self._half = both >> 32
        return both & _WORD

    def _up_to(self, most: int) -> int:
        """A whole number from 0 to `most`."""
        mask = (1 << most.bit_length()) - 1
        while (found := self._next_half() & mask) > most:
            pass
        return found


def _spread(seed: int) -> list[int]:
    """Four numbers of 64 bits that differ in all bits for seeds that differ in one."""
    if seed < 0:
        raise ValueError(f"a seed is 0 or more: {seed}")
    words = [seed >> shift & _WORD for shift in range(0, max(seed.bit_length(), 1), 32)]
    hashed = _hashing(0x43B0D7E5, 0x931E8875)
    pool = [hashed(word) for word in [*words, *[0] * _POOL][:_POOL]]
    for source in range(_POOL):
        for target in range(_POOL):
            if source != target:
                pool[target] = _mixed(pool[target], hashed(pool[source]))
    for word in words[_POOL:]:
        for target in range(_POOL):
            pool[target] = _mixed(pool[target], hashed(word))
    state = list(map(_hashing(0x8B51F9DD, 0x58F38DED), islice(cycle(pool), 2 * _POOL)))
    return [low | high << 32 for low, high in _pairs(state)]


def _pairs(words: list[int]) -> Iterator[tuple[int, int]]:
    return zip(words[::2], words[1::2], strict=True)


def _hashing(begin: int, factor: int) -> Callable[[int], int]:
    """A function that mixes the bits of a word, each time in another way."""
    constant = begin

    def hashed(word: int) -> int:
        nonlocal constant
        word ^= constant
        constant = constant * factor & _WORD
        word = word * constant & _WORD
        return word ^ word >> 16

    return hashed


def _mixed(one: int, other: int) -> int:
    mixed = one * 0xCA01F9DD - other * 0x4973F715 & _WORD
    return mixed ^ mixed >> 16
