from typing import Any

import numpy as np
from numpy.typing import NDArray

from latprof.formats.claude_code._native import Kept

__all__ = ["Calls"]

class Calls:
    def __init__(self, lines: Kept) -> None: ...
    def __len__(self) -> int: ...
    def unanswered(self) -> list[int]: ...
    def columns(
        self, start: int, end: int, reader: str
    ) -> tuple[
        tuple[str, ...],
        NDArray[np.int32],
        dict[str, NDArray[np.floating[Any]]],
        dict[str, tuple[bytes, NDArray[np.signedinteger[Any]]]],
        NDArray[np.uint32],
        NDArray[np.signedinteger[Any]],
        NDArray[np.int32],
        dict[str, NDArray[np.floating[Any]]],
    ]: ...
