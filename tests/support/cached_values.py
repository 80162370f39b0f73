"""Values that tests put into a cache, by short names."""

from __future__ import annotations

from latprof.store.cache import Cache

__all__ = ["got", "put"]


def put(cache: Cache, **values: bytes) -> None:
    """Put these values, and write them."""
    for name, value in values.items():
        cache.put("thing", cache.name("thing", name.encode()), value)
    cache.flush()


def got(cache: Cache, *names: str) -> list[bytes | None]:
    """The values of these names."""
    return [cache.get(cache.name("thing", name.encode())) for name in names]
