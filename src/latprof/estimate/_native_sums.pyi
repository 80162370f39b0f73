import numpy as np
from numpy.typing import NDArray

from latprof.estimate.sums import Problem, Step

__all__ = ["at_levels", "step", "totals"]

def totals(problem: Problem) -> NDArray[np.float32]: ...
def step(problem: Problem, moments: NDArray[np.float32], grid: NDArray[np.float32]) -> Step: ...
def at_levels(
    problem: Problem, levels: NDArray[np.float32]
) -> tuple[NDArray[np.int64], NDArray[np.float32], NDArray[np.float32]]: ...
