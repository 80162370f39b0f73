"""A record is what the standard decorator would have made of the same class."""

from __future__ import annotations

import dataclasses
import inspect
import re
from collections.abc import Callable
from dataclasses import dataclass as standard
from dataclasses import field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from latprof.classes import dataclass

pytestmark = pytest.mark.property

NAMES = ("a", "b", "self", "_set", "names", "item")
VALUES = st.one_of(st.integers(0, 2), st.sampled_from(["x", "y"]), st.none())


@st.composite
def parts(draw: st.DrawFn) -> list[tuple[str, dict[str, Any]]]:
    """Names of fields, with what `field` is called with."""
    made = []
    for name in draw(st.lists(st.sampled_from(NAMES), unique=True, max_size=5)):
        options: dict[str, Any] = {
            key: draw(st.booleans()) for key in ("init", "repr", "compare", "kw_only") if draw(st.integers(0, 3)) == 0
        }
        if draw(st.integers(0, 4)) == 0:
            options["hash"] = draw(st.sampled_from([None, True, False]))
        kind = draw(st.sampled_from(["none", "default", "factory"]))
        if kind == "default":
            options["default"] = draw(VALUES)
        elif kind == "factory":
            options["default_factory"] = tuple
        made.append((name, options))
    return made


def _body(fields: list[tuple[str, dict[str, Any]]], *, after: bool) -> type:
    """A new class of these fields."""
    space: dict[str, Any] = {"__annotations__": dict.fromkeys((name for name, _ in fields), "int")}
    space |= {name: field(**options) for name, options in fields if options}
    space |= {"__doc__": "Made up.", "__module__": __name__, "__qualname__": "Outer.Made"}
    if after:
        space["__post_init__"] = lambda _: SEEN.append(1)
    return type("Made", (), space)


SEEN: list[int] = []


def _told(call: Any) -> Any:
    """What a call gives, or the words of its error."""
    try:
        return call()
    except (TypeError, AttributeError) as error:
        return type(error), str(error)


def _looks(cls: Any, values: list[Any], more: dict[str, Any]) -> list[Any]:
    """All that can be seen of a class and of objects made of it, without the class itself."""
    first, second = _told(lambda: cls(*values, **more)), _told(lambda: cls(*values, **more))
    seen = [
        str(inspect.signature(cls)),
        cls.__match_args__,
        cls.__doc__,
        [(item.name, item.default, item.kw_only, item.init) for item in dataclasses.fields(cls)],
        str(cls.__dataclass_params__),
        getattr(cls, "__slots__", None),
        cls.__hash__ is None,
        cls.__init__.__qualname__,
        cls.__init__.__annotations__,
    ]
    if isinstance(first, tuple):
        return [*seen, first]
    # Of a name that is no field, the standard decorator of Python 3.11 tells badly where slots are frozen.
    changed = [name for name in NAMES[:2] if name in cls.__match_args__]
    calls: list[Callable[[], Any]] = [
        lambda: re.sub(" at 0x[0-9a-f]+", "", repr(first)),
        lambda: (first == second, first != second, first == 3),
        lambda: hash(first) == hash(second),
        lambda: dataclasses.astuple(first),
        lambda: dataclasses.replace(first) == first,
        lambda: [getattr(first, item.name) for item in dataclasses.fields(first)],
        lambda: [first.__setattr__(name, 5) for name in changed],
        lambda: [getattr(first, item.name) for item in dataclasses.fields(first)],
        lambda: [first.__delattr__(name) for name in changed],
        lambda: vars(first),
    ]
    return seen + [_told(call) for call in calls]


@given(
    fields=parts(),
    options=st.fixed_dictionaries(
        {}, optional={key: st.booleans() for key in ("eq", "frozen", "slots", "kw_only", "order", "repr")}
    ),
    after=st.booleans(),
    values=st.lists(VALUES, max_size=5),
    more=st.dictionaries(st.sampled_from([*NAMES[:2], "other"]), VALUES, max_size=3),
)
def test_a_record_looks_as_the_standard_makes_it(
    fields: list[tuple[str, dict[str, Any]]],
    options: dict[str, bool],
    after: bool,  # noqa: FBT001
    values: list[Any],
    more: dict[str, Any],
) -> None:
    """Definition, call, wrong calls, comparison, changes: the same answers, in the same words."""
    expected: Any
    made: Any
    try:
        expected = standard(**options)(_body(fields, after=after))
    except (TypeError, ValueError) as error:
        with pytest.raises(type(error)) as raised:
            dataclass(**options)(_body(fields, after=after))
        # Python 3.13 adds the name of the other argument.
        assert str(error).startswith(str(raised.value))  # noqa: PT017
        return
    made = dataclass(**options)(_body(fields, after=after))
    SEEN.clear()
    wanted = _looks(expected, values, more)
    calls = len(SEEN)
    SEEN.clear()
    assert _looks(made, values, more) == wanted
    assert len(SEEN) == calls
