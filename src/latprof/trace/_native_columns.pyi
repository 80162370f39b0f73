from collections.abc import Sequence
from typing import Any

from numpy import float32, float64, int32, uint32
from numpy.typing import NDArray

from latprof.model import Call

__all__ = ["LAYOUT", "columns_of"]

LAYOUT: tuple[tuple[str, ...], ...]

def columns_of(
    calls: Sequence[Call], reader: str, numbers: dict[Any, int]
) -> tuple[
    NDArray[int32],
    dict[str, NDArray[float32 | float64]],
    NDArray[int32],
    dict[str, NDArray[float32 | float64]],
    NDArray[uint32],
]: ...
