"""How long an iteration takes, looked up in tables: a replay asks tens of thousands of times."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import field
from typing import Final, Protocol

from latprof.classes import dataclass

__all__ = ["StepModel", "StepTable", "grid"]

_CONTEXT_NODES: Final = tuple(float(2**power) for power in range(4, 22))
_DEPTH_NODES: Final = (0.0, 512.0, 1024.0, 2048.0, 4096.0, 32768.0, 131072.0, 1048576.0)


class StepModel(Protocol):
    """Seconds of iterations; each argument is a sequence with one number per iteration.

    `contexts` is the sum of the contexts of the decoding streams, `pairs` the query-key pairs of the new prompt
    tokens: the sum over prompts of new x (cached + new / 2).
    """

    def __call__(
        self, streams: Sequence[float], contexts: Sequence[float], prefills: Sequence[float], pairs: Sequence[float]
    ) -> Sequence[float]:
        """Seconds, one number per iteration."""
        ...  # pragma: no cover


def grid(most: int) -> tuple[float, ...]:
    """Numbers of prompt tokens from 0 to `most`, each at most a fifth larger than the last one."""
    nodes, at = [0.0, 1.0], 1.0
    while at < most:
        at = min(max(at + 1, at * 1.2), float(most))
        nodes.append(at)
    return tuple(nodes)


@dataclass(slots=True)
class StepTable:
    """A step model as tables per number of streams, filled when first asked for.

    Between the nodes it is linear in the context and bilinear in prompt tokens and their mean depth, which loses
    nothing where the model is linear in cache bytes and in query-key pairs. Prompt tokens beside decoding streams
    add what they add when those streams have short contexts.
    """

    model: StepModel
    max_batched_tokens: int
    _decode: dict[int, list[float]] = field(default_factory=dict)
    _mixed: dict[int, list[list[float]]] = field(default_factory=dict)
    _tokens: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        self._tokens = grid(max(self.max_batched_tokens, 2))

    def decode_s(self, streams: int, contexts: float) -> float:
        """Seconds of an iteration in which each of the streams gains a token."""
        if streams <= 0:
            return 0.0
        values = self._decode.get(streams)
        if values is None:
            nodes = [streams * node for node in _CONTEXT_NODES]
            zeros = [0.0] * len(nodes)
            values = [float(value) for value in self.model([float(streams)] * len(nodes), nodes, zeros, zeros)]
            self._decode[streams] = values
        return _linear(_CONTEXT_NODES, values, contexts / streams)

    def prefill_s(self, streams: int, tokens: int, pairs: float) -> float:
        """Seconds that prompt tokens add to an iteration of so many decoding streams."""
        if tokens <= 0:
            return 0.0
        rows = self._mixed.get(streams)
        if rows is None:
            rows = self._mixed[streams] = self._fill(streams)
        depth, at = pairs / tokens, float(tokens)
        low = min(max(bisect_right(self._tokens, at) - 1, 0), len(self._tokens) - 2)
        share = (at - self._tokens[low]) / (self._tokens[low + 1] - self._tokens[low])
        below, above = _linear(_DEPTH_NODES, rows[low], depth), _linear(_DEPTH_NODES, rows[low + 1], depth)
        return below + share * (above - below)

    def _fill(self, streams: int) -> list[list[float]]:
        """Added seconds for each number of prompt tokens (rows) and mean depth (columns)."""
        start = streams * _CONTEXT_NODES[0]
        cells = [(tokens, depth) for tokens in self._tokens for depth in _DEPTH_NODES]
        count = len(cells)
        found = self.model(
            [float(streams)] * count,
            [start] * count,
            [tokens for tokens, _ in cells],
            [tokens * depth for tokens, depth in cells],
        )
        alone = self.decode_s(streams, start)
        added = [max(float(value) - alone, 0.0) if cell[0] else 0.0 for value, cell in zip(found, cells, strict=True)]
        width = len(_DEPTH_NODES)
        return [added[row * width : (row + 1) * width] for row in range(len(self._tokens))]


def _linear(nodes: Sequence[float], values: Sequence[float], at: float) -> float:
    """Linear between the nodes, and on beyond them."""
    low = min(max(bisect_right(nodes, at) - 1, 0), len(nodes) - 2)
    share = (at - nodes[low]) / (nodes[low + 1] - nodes[low])
    return values[low] + share * (values[low + 1] - values[low])
