"""How benchmarks send their calls, as far as that is known of them."""

from __future__ import annotations

from typing import Final

from latprof.classes import dataclass

__all__ = ["Protocol", "protocol_of"]


@dataclass(frozen=True, slots=True)
class Protocol:
    """`length_share`: mean length of prompts and answers over the stated one. `varied`: lengths differ by call."""

    length_share: float = 1.0
    varied: bool = False


# By how the source of a row begins. InferenceX (once InferenceMAX) draws lengths evenly from 80 to 100 % of the stated
# ones. The SGLang cookbook draws them evenly from 0 to the stated ones, and its tables give the means.
_KNOWN: Final = {
    "inferencex": Protocol(0.9, varied=True),
    "inferencemax": Protocol(0.9, varied=True),
    "sglang cookbook": Protocol(varied=True),
}


def protocol_of(source: str) -> Protocol:
    """The protocol of a row with this source; of a source that is not known: the lengths as stated, all alike."""
    name = source.strip().casefold()
    return next((protocol for start, protocol in _KNOWN.items() if name.startswith(start)), Protocol())
