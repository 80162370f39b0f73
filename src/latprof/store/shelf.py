"""Named arrays in a cache, as the estimator keeps the results of its steps."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, MutableMapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from latprof.classes import dataclass
from latprof.store.cache import Cache

__all__ = ["CacheShelf"]

_KIND: Final = "step"
_ALIGNED: Final = 8
# More than any header takes.
_HEADER_BYTES: Final = 1 << 16
Arrays = dict[str, NDArray[Any]]


@dataclass(slots=True)
class CacheShelf(MutableMapping[str, Arrays]):
    """Arrays by name: a JSON header of [name, type, shape] in a line, then the bytes of each.

    Each begins at a multiple of 8 bytes, as compiled code expects of arrays.
    """

    cache: Cache

    def __getitem__(self, key: str) -> Arrays:
        """The arrays of that name. Raises KeyError."""
        data = self.cache.view(self._name(key))
        if data is None:
            raise KeyError(key)
        header = bytes(data[:_HEADER_BYTES]).partition(b"\n")[0]
        end, arrays = len(header) + 1, {}
        for name, kind, shape in json.loads(header):
            start = end + -end % _ALIGNED
            array = np.frombuffer(data, np.dtype(kind), math.prod(shape), start).reshape(shape)
            arrays[name] = array
            end = start + array.nbytes
        return arrays

    def __setitem__(self, key: str, arrays: Arrays) -> None:
        whole = {name: np.ascontiguousarray(array).reshape(array.shape) for name, array in arrays.items()}
        header = json.dumps([[name, array.dtype.str, array.shape] for name, array in whole.items()])
        parts = [header.encode() + b"\n"]
        for array in whole.values():
            parts += [bytes(-len(parts[-1]) % _ALIGNED), array.tobytes()]
        self.cache.put(_KIND, self._name(key), b"".join(parts))

    def __delitem__(self, key: str) -> None:
        raise KeyError(key)

    def __iter__(self) -> Iterator[str]:
        """No names: the cache knows only digests of them."""
        return iter(())

    def __len__(self) -> int:
        return 0

    def _name(self, key: str) -> bytes:
        return self.cache.name(_KIND, key.encode())
