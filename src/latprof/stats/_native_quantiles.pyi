from numpy import float32, float64, int32, int64, uint8
from numpy.typing import NDArray

__all__ = ["LAYOUT", "Groups", "drawn", "quantiles_of_rows", "upper_point"]

LAYOUT: int

class Groups:
    def __init__(
        self,
        cell: NDArray[int32],
        sizes: NDArray[int32],
        pairs: NDArray[int32],
        starts: NDArray[int64],
        begins: NDArray[int64],
    ) -> None: ...
    def measured(
        self,
        values: NDArray[float64],
        asked: NDArray[float64],
        least: NDArray[int64],
        points: NDArray[float64],
        chosen: NDArray[uint8],
        bounded: NDArray[uint8],
    ) -> tuple[NDArray[int64], NDArray[int64], NDArray[float64]]: ...
    def ordered(self, values: NDArray[float64]) -> tuple[NDArray[int32], NDArray[float64]]: ...
    def quantiles(
        self,
        known: NDArray[float64],
        values: NDArray[float32],
        small: NDArray[int32],
        starts: NDArray[int64],
        members: NDArray[int32],
        asked: NDArray[float64],
    ) -> NDArray[float64]: ...

def drawn(values: NDArray[float32], group: NDArray[int64], groups: int, ratio: float) -> NDArray[float64]: ...
def quantiles_of_rows(
    values: NDArray[float32], chosen: NDArray[int32], asked: NDArray[float64]
) -> NDArray[float64]: ...
def upper_point(degrees: int) -> float: ...
