"""Columns by name, of which what stands under a name is made or read when it is asked for."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, MutableMapping
from typing import Any, TypeVar

__all__ = ["ByName"]

T = TypeVar("T")


class ByName(MutableMapping[str, T]):
    """A mapping that knows its names without making what stands under them."""

    __slots__ = ()

    @abstractmethod
    def known(self) -> dict[str, Any]:
        """A dict whose keys are the names."""

    def __delitem__(self, name: str) -> None:
        del self.known()[name]

    def __contains__(self, name: object) -> bool:
        return name in self.known()

    def __iter__(self) -> Iterator[str]:
        # Of its own, so that columns may be deleted on the way.
        return iter(list(self.known()))

    def __len__(self) -> int:
        return len(self.known())
