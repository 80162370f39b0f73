"""Texts of the command line are texts already: no library is loaded to check that.

typer reads the value of every option with pydantic, also of those that were not given, which is most of
the time that a small command takes. Here a text, a list of texts, a value that was not given and a default
of the right type pass as they are, and a plain number within its range is read; all others (numbers written in
another way or out of range, what is no number) go typer's way, with its errors. See
docs/decisions/0017-plain-values.md.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, Final, Self

__all__ = ["read_plainly"]

_UNREAD: Final = object()
_DIGITS: Final[dict[type, re.Pattern[str]]] = {
    int: re.compile("0|[1-9][0-9]{0,14}"),
    float: re.compile(r"(?:0|[1-9][0-9]{0,14})(?:\.[0-9]{1,15})?"),
}


class _Reading:
    """What typer asks for a value: ours where nothing is to be read, else its own, loaded then."""

    def __init__(self, descriptor: Any, typers: Callable[[], Any]) -> None:
        self._annotation = descriptor.annotation
        self._info = getattr(descriptor, "parameter_info", None)
        self._typers = typers

    def __call__(self) -> Self:
        """It is asked anew for each value."""
        return self

    def coerce(self, value: Any, param: Any, ctx: Any) -> Any:
        """The value as the command gets it. Raises typer's error for a wrong one."""
        if value is not None and value is param.default and type(value) is self._annotation:
            return value
        several = param.multiple or param.nargs == -1
        found = _plain(value, self._annotation, several=several)
        if found is _UNREAD and self._annotation in (int, float) and not several:
            found = _number(value, self._annotation, self._info)
        return self._typers().coerce(value, param=param, ctx=ctx) if found is _UNREAD else found


def _plain(value: Any, annotation: Any, *, several: bool) -> Any:
    if value is None:
        return () if several else None
    if annotation is str and not several and isinstance(value, str):
        return value
    if annotation == list[str] and isinstance(value, list | tuple) and all(isinstance(item, str) for item in value):
        return list(value)
    return _UNREAD


def _number(value: Any, annotation: type, info: Any) -> Any:
    """A number in its range, if it is written in digits, or is a whole number where there may be others."""
    if (isinstance(value, str) and _DIGITS[annotation].fullmatch(value)) or (
        annotation is float and type(value) is int
    ):
        least, most = getattr(info, "min", _UNREAD), getattr(info, "max", _UNREAD)
        if _UNREAD not in (least, most) and getattr(info, "parser", None) is None:
            found = annotation(value)
            if (least is None or found >= least) and (most is None or found <= most):
                return found
    return _UNREAD


def read_plainly(params: Sequence[Any]) -> Sequence[Any]:
    """The options and arguments, taking texts as they are; a typer that reads in another way is left alone."""
    for param in params:
        descriptor, typers = getattr(param, "type_descriptor", None), getattr(param, "get_runtime_param", None)
        if descriptor is not None and typers is not None and not isinstance(typers, _Reading):
            param.get_runtime_param = _Reading(descriptor, typers)
    return params
