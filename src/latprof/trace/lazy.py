"""Columns that are made when they are first asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import field
from typing import Any, Generic, TypeVar, overload

import numpy as np
from numpy.typing import NDArray

from latprof.classes import dataclass
from latprof.model import Block
from latprof.trace.blocks import BlockStore

__all__ = ["Blocks", "Lazy", "derived"]

T = TypeVar("T")


@dataclass(slots=True)
class Lazy(Mapping[str, T], Generic[T]):
    """A mapping with fixed names whose values are made at the first use, and kept; at every use if not `keeps`."""

    names: tuple[str, ...]
    make: Callable[[str], T]
    keeps: bool = True
    made: dict[str, T] = field(default_factory=dict)

    def __getitem__(self, name: str) -> T:
        """The column of that name. Raises KeyError."""
        if name in self.made:
            return self.made[name]
        if name not in self.names:
            raise KeyError(name)
        value = self.make(name)
        if self.keeps:
            self.made[name] = value
        return value

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __len__(self) -> int:
        return len(self.names)

    def __contains__(self, name: object) -> bool:
        return name in self.names


class derived(Generic[T]):  # noqa: N801 - used as `property` is
    """An attribute that is made by a method at the first use, and kept unless the object `is_large`."""

    def __init__(self, make: Callable[[Any], T]) -> None:
        self.make = make
        self.__doc__ = make.__doc__

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    @overload
    def __get__(self, obj: None, owner: type) -> derived[T]: ...
    @overload
    def __get__(self, obj: object, owner: type) -> T: ...
    def __get__(self, obj: Any, owner: type) -> derived[T] | T:
        if obj is None:
            return self
        value = self.make(obj)
        if not obj.is_large:
            obj.__dict__[self.name] = value
        return value


@dataclass(slots=True)
class Blocks(Sequence[tuple[Block, ...]]):
    """The blocks of each call as objects, made when asked for; `rows` are those of the calls in the store."""

    store: BlockStore
    pool: tuple[str, ...]
    rows: NDArray[np.int64]

    @overload
    def __getitem__(self, row: int) -> tuple[Block, ...]: ...
    @overload
    def __getitem__(self, row: slice) -> tuple[tuple[Block, ...], ...]: ...
    def __getitem__(self, row: int | slice) -> tuple[Block, ...] | tuple[tuple[Block, ...], ...]:
        """The blocks of one call, or of some."""
        if isinstance(row, slice):
            return tuple(self.store.take(self.rows[row]).tuples(self.pool))
        return self.store.one(int(self.rows[row]), self.pool)

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[tuple[Block, ...]]:
        return self.store.take(self.rows).tuples(self.pool)

    def __add__(self, other: Sequence[tuple[Block, ...]]) -> tuple[tuple[Block, ...], ...]:
        """The blocks of these calls and then of others."""
        return (*self, *other)
