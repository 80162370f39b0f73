"""Columns of very many calls in a file without a name instead of in memory, each read when it is asked for.

What is read back is what was stored, to the last byte. The file is gone with the process, however that ends. Where
no file can be had, or the disk is full, arrays stay in memory.
"""

from __future__ import annotations

import sys
import threading
import weakref
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from latprof.classes import dataclass
from latprof.errors import LatprofError
from latprof.trace.by_name import ByName
from latprof.trace.ids import Ids

__all__ = ["MOST_CALLS", "Place", "Store", "StoredArrays", "StoredIds", "StoredRows", "are_many", "give_back"]

Array = NDArray[Any]
Ints = NDArray[np.int64]

# Columns of more calls than this, 21 MB of them, are stored.
MOST_CALLS: Final = 100_000
# So much is read at once where only some of it is wanted.
_READ_BYTES: Final = 4_000_000


def are_many(calls: int) -> bool:
    """Whether columns of so many calls are to be stored."""
    return calls > MOST_CALLS


def give_back() -> None:
    """Give freed memory back to the system, where the C library can be told to: it keeps holes."""
    if sys.platform == "linux":
        with suppress(AttributeError, OSError):  # another library than that of GNU
            import ctypes

            ctypes.CDLL(None).malloc_trim(0)


class Store:
    """Arrays in a file, for any thread; the first so many bytes of them in memory."""

    def __init__(self, memory_bytes: int = 0) -> None:
        self._lock = threading.Lock()
        self._memory_bytes = memory_bytes
        self._end = 0
        self._file: Any = None
        self._failed = False

    def put(self, array: Array, place: Place | None = None) -> Place:
        """Store an array, over another one of this store that is not needed any more, if it fits."""
        array = np.ascontiguousarray(array)
        self._memory_bytes -= array.nbytes
        if not array.nbytes or self._memory_bytes >= 0:
            return Place(self, array.dtype, array.shape, held=array)
        with self._lock:
            start, room = self._end, array.nbytes
            if place is not None and array.nbytes <= place.room:
                start, room = place.start, place.room
            if not self._wrote(start, array):
                return Place(self, array.dtype, array.shape, held=array)
            self._end = max(self._end, start + room)
        return Place(self, array.dtype, array.shape, start, room)

    def _wrote(self, start: int, array: Array) -> bool:
        """Whether the file has it now; after the first failure none is tried."""
        if self._failed:
            return False
        try:
            if self._file is None:
                import tempfile  # few runs need it

                self._file = tempfile.TemporaryFile(buffering=0, prefix="latprof-")  # noqa: SIM115
                weakref.finalize(self, self._file.close)
            self._file.seek(start)
            left = _bytes(array)
            while left:
                left = left[self._file.write(left) :]
        except OSError:
            self._failed = True
        return not self._failed

    def read(self, start: int, target: Array) -> None:
        """Fill the array with the bytes from `start` on. Raises LatprofError when the file cannot be read."""
        left = _bytes(target)
        try:
            with self._lock:
                self._file.seek(start)
                while left and (count := self._file.readinto(left)):
                    left = left[count:]
        except OSError as error:
            raise _unreadable(str(error)) from None
        if left:
            raise _unreadable("it was cut off")


def _bytes(array: Array) -> memoryview:
    flat: Any = array.reshape(-1).view(np.uint8)
    return memoryview(flat)


def _unreadable(why: str) -> LatprofError:
    import tempfile

    folder = tempfile.gettempdir()
    return LatprofError(f"A temporary file in {folder} cannot be read back ({why}): check that disk, or set TMPDIR.")


@dataclass(frozen=True, slots=True)
class Place:
    """Where an array is stored; `held` is the array itself where it could not be."""

    store: Store
    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    start: int = 0
    room: int = 0
    held: Array | None = None

    def load(self) -> Array:
        """The whole array."""
        if self.held is not None:
            return self.held
        array = np.empty(self.shape, self.dtype)
        self.store.read(self.start, array)
        return array

    def rows(self, rows: Ints) -> Array:
        """Some entries along the first axis."""
        if self.held is not None:
            return self.held[rows]
        if not len(rows):
            return np.empty((0, *self.shape[1:]), self.dtype)
        first, last = int(rows.min()), int(rows.max()) + 1
        step = max(1, _READ_BYTES * self.shape[0] // (self.dtype.itemsize * int(np.prod(self.shape))))
        if last - first <= step:
            return self.span(first, last)[rows - first]
        found = np.empty((len(rows), *self.shape[1:]), self.dtype)
        for start in range(first, last, step):
            here = np.flatnonzero((rows >= start) & (rows < start + step))
            found[here] = self.span(start, min(start + step, last))[rows[here] - start]
        return found

    def span(self, first: int, last: int) -> Array:
        """The entries from one row to before another."""
        if self.held is not None:
            return self.held[first:last]
        part = np.empty((last - first, *self.shape[1:]), self.dtype)
        if part.nbytes:
            self.store.read(self.start + first * (part.nbytes // len(part)), part)
        return part


@dataclass(slots=True)
class StoredRows:
    """A matrix, each row by itself."""

    store: Store
    places: list[Place]

    @classmethod
    def of(cls, store: Store, rows: Iterable[Array]) -> StoredRows:
        """Store rows of equal length one by one."""
        return cls(store, [store.put(row) for row in rows])

    def __getitem__(self, row: int) -> Array:
        return self.places[row].load()

    def __setitem__(self, row: int, codes: Array) -> None:
        self.places[row] = self.store.put(codes, self.places[row])

    def __len__(self) -> int:
        return len(self.places)

    def part(self, row: int, columns: Ints) -> Array:
        """Some codes of one row."""
        return self.places[row].rows(columns)

    @property
    def shape(self) -> tuple[int, int]:
        """Number of rows and their length."""
        return len(self.places), self.places[0].shape[0]


@dataclass(slots=True)
class StoredArrays(ByName[Array]):
    """Arrays by name."""

    store: Store
    places: dict[str, Place] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Array:
        return self.places[name].load()

    def __setitem__(self, name: str, column: Array) -> None:
        self.places[name] = self.store.put(column, self.places.get(name))

    def known(self) -> dict[str, Any]:
        """Where each stands."""
        return self.places

    def part(self, name: str, rows: Ints) -> Array:
        """Some entries of an array. Raises KeyError."""
        return self.places[name].rows(rows)


@dataclass(slots=True)
class StoredIds(ByName[Ids]):
    """Columns of ids by name, each as its bytes and their lengths."""

    store: Store
    places: dict[str, tuple[Place, Place]] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Ids:
        data, lengths = self.places[name]
        return Ids(data.load().tobytes(), lengths.load())

    def __setitem__(self, name: str, ids: Ids) -> None:
        data, lengths = self.places.get(name, (None, None))
        self.places[name] = (
            self.store.put(np.frombuffer(ids.data, dtype=np.uint8), data),
            self.store.put(ids.lengths, lengths),
        )

    def known(self) -> dict[str, Any]:
        """Where each stands."""
        return self.places

    def part(self, name: str, rows: Ints) -> Ids:
        """Some ids of a column. Raises KeyError."""
        data, lengths = self.places[name]
        sizes = lengths.load()
        if not len(rows):
            return Ids(b"", sizes[:0])
        first, last = int(rows.min()), int(rows.max()) + 1
        ends = np.cumsum(np.maximum(sizes, 0), dtype=np.int64)
        start = int(ends[first - 1]) if first else 0
        return Ids(data.span(start, int(ends[last - 1])).tobytes(), sizes[first:last]).take(rows - first)
