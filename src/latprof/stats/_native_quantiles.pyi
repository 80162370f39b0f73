from numpy import float32, float64, int32, int64
from numpy.typing import NDArray

__all__ = ["LAYOUT", "figures", "ordered", "quantiles_of_parts"]

LAYOUT: int

def ordered(values: NDArray[float64]) -> tuple[NDArray[int32], NDArray[float64]]: ...
def figures(
    order: NDArray[int32],
    values: NDArray[float64],
    pair: NDArray[int32],
    starts: NDArray[int64],
    asked: NDArray[float64],
    least: NDArray[int64],
    points: NDArray[float64],
) -> tuple[NDArray[int32], NDArray[int64], NDArray[int64], NDArray[float64]]: ...
def quantiles_of_parts(
    values: NDArray[float32],
    rows: NDArray[int32] | None,
    fine: NDArray[int32] | None,
    starts: NDArray[int64],
    members: NDArray[int32],
    asked: NDArray[float64],
) -> NDArray[float64]: ...
