"""Plain values as JSON and back, as fast as can be: lists, tuples, objects, texts, numbers, None.

What orjson would refuse or change is written by the standard library, with a space in front that says so: texts with
lone surrogates, as paths may have them, whole numbers beyond 64 bits, keys that are no texts, NaN and infinities.
"""

from __future__ import annotations

import json
from typing import Any, Final

__all__ = ["packed", "unpacked"]

_BY_LIBRARY: Final = b" "
_KINDS: Final[tuple[Any, ...]] = (tuple, str, int, float, list, dict)


def packed(value: Any, *, unknown: int | None = None) -> bytes:
    """The value as JSON without a line end; tuples become lists.

    Where it has floats that may not be finite, `unknown` is how many None it has. Raises TypeError or ValueError for
    what JSON has no word for.
    """
    import orjson  # a start has nothing to pack

    only_json = orjson.OPT_PASSTHROUGH_DATACLASS | orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_PASSTHROUGH_SUBCLASS
    try:
        data = orjson.dumps(value, default=_plain, option=only_json)
    except orjson.JSONEncodeError:
        data = b""
    # NaN becomes null. A text with this word in it only costs time.
    if data and (unknown is None or data.count(b"null") == unknown):
        return data
    return _BY_LIBRARY + json.dumps(value, separators=(",", ":")).encode()


def unpacked(data: bytes) -> Any:
    """The value, with lists for tuples. Raises ValueError for what is no JSON."""
    if data.startswith(_BY_LIBRARY):
        return json.loads(data)
    import orjson

    return orjson.loads(data)


def _plain(value: Any) -> Any:
    """What is a text, a number, a list or an object by its class only."""
    for kind in _KINDS:
        if isinstance(value, kind):
            return kind(value)
    raise TypeError(type(value).__name__)
