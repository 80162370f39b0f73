"""`dataclass` as the standard library has it, at a fifth of its price for a start of the program.

The standard decorator writes a text for each method of each class and compiles it, and few of these methods are ever
called. Here `__init__` is compiled when it is called often, and the others are the same functions for all classes. To
everybody else a class is the dataclass that it was. What is not handled here goes to the standard decorator: see
docs/decisions/0029-cheap-start-and-end.md.
"""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable, Iterable
from dataclasses import MISSING, FrozenInstanceError
from functools import partial
from operator import attrgetter
from reprlib import recursive_repr
from typing import TYPE_CHECKING, Any, ClassVar, Final

if TYPE_CHECKING:
    from dataclasses import dataclass

__all__ = ["dataclass"]

_HANDLED: Final = frozenset({"eq", "frozen", "kw_only", "slots"})
_MADE: Final = frozenset(
    {"__delattr__", "__eq__", "__getstate__", "__hash__", "__init__", "__repr__", "__setattr__", "__setstate__"}
)
# What says in the place of a type that something is no field.
_NO_TYPES: Final = (ClassVar, dataclasses.InitVar, dataclasses.KW_ONLY)
# To compile the method takes as long as to fill 40 objects without it, and few classes have as many in most runs.
_FILLED: Final = 30


def _decorate(cls: type | None = None, /, **options: bool) -> Any:
    """The decorator, with the parameters of the standard one."""

    def made(found: type) -> Any:
        if _is_plain(found, options):
            return _made(found, **options)
        return dataclasses.dataclass(**options)(found)

    return made if cls is None else made(cls)


if not TYPE_CHECKING:
    dataclass = _decorate


def _is_plain(cls: type, options: dict[str, bool]) -> bool:
    """Whether nothing of it needs the standard decorator."""
    of_parents = options.get("frozen", False) and any(map(dataclasses.is_dataclass, cls.__bases__))
    if of_parents or not options.keys() <= _HANDLED or not cls.__doc__ or not _MADE.isdisjoint(vars(cls)):
        return False
    types = [str(annotation) for annotation in getattr(cls, "__annotations__", {}).values()]
    return not any("ClassVar" in text or "InitVar" in text or "KW_ONLY" in text for text in types)


def _made(cls: type, *, eq: bool = True, frozen: bool = False, kw_only: bool = False, slots: bool = False) -> Any:
    """The class with fields and slots from the standard decorator, and with the methods of this module."""
    types = vars(cls).get("__annotations__", {})
    space = getattr(sys.modules.get(cls.__module__), "__dict__", {})
    if any(space.get(text.partition("[")[0]) in _NO_TYPES for text in types.values() if isinstance(text, str)):
        raise TypeError(f"{cls.__qualname__} has a ClassVar or InitVar by another name: use dataclasses.dataclass")
    # The standard decorator looks in texts for such names, which takes as long as all else that it does.
    cls.__annotations__ = dict.fromkeys(types, object)
    made: Any = dataclasses.dataclass(init=False, repr=False, eq=False, kw_only=kw_only, slots=slots)(cls)
    made.__annotations__ = types
    its = dataclasses.fields(made)
    for item in its:
        if item.name in types:
            item.type = types[item.name]
    _check_order(its)
    params = made.__dataclass_params__
    params.init, params.repr, params.eq, params.frozen = True, True, eq, frozen
    methods = [_repr(item.name for item in its if item.repr)]
    if eq:
        made.__hash__ = None
        methods.append(_eq(item.name for item in its if item.compare))
        if frozen:
            methods.append(_hash(item.name for item in its if (item.compare if item.hash is None else item.hash)))
    if frozen:
        methods += _guards(made, frozenset(item.name for item in its))
    if frozen and slots:
        methods += [_getstate(), _setstate()]
    for method in methods:
        method.__qualname__ = f"{made.__qualname__}.{method.__name__}"
        setattr(made, method.__name__, method)
    made.__init__ = _Later(made)
    return made


def _check_order(its: tuple[dataclasses.Field[Any], ...]) -> None:
    """Raises the standard decorator's TypeError where a field has a default and a later one has none."""
    optional = False
    for item in its:
        if item.init and not item.kw_only:
            given = item.default is MISSING and item.default_factory is MISSING
            if given and optional:
                raise TypeError(f"non-default argument {item.name!r} follows default argument")
            optional = not given


def _row_of(names: Iterable[str]) -> Callable[[Any], Any]:
    """What gives an object's fields as a tuple."""
    listed = tuple(names)
    if len(listed) > 1:
        return attrgetter(*listed)
    return lambda self: tuple(getattr(self, name) for name in listed)


def _repr(names: Iterable[str]) -> Any:
    listed = tuple(names)

    @recursive_repr("...")
    def __repr__(self: Any) -> str:  # noqa: N807
        parts = [f"{name}={getattr(self, name)!r}" for name in listed]
        return f"{self.__class__.__qualname__}({', '.join(parts)})"

    return __repr__


def _eq(names: Iterable[str]) -> Any:
    row = _row_of(names)

    def __eq__(self: Any, other: object) -> bool:  # noqa: N807
        return row(self) == row(other) if other.__class__ is self.__class__ else NotImplemented

    return __eq__


def _hash(names: Iterable[str]) -> Any:
    row = _row_of(names)

    def __hash__(self: Any) -> int:  # noqa: N807
        return hash(row(self))

    return __hash__


def _guards(owner: Any, names: frozenset[str]) -> list[Any]:
    """What forbids to set and to delete fields; a class made from this one may have other attributes."""

    def __setattr__(self: Any, name: str, value: object) -> None:  # noqa: N807
        if type(self) is owner or name in names:
            raise FrozenInstanceError(f"cannot assign to field {name!r}")
        super(owner, self).__setattr__(name, value)

    def __delattr__(self: Any, name: str) -> None:  # noqa: N807
        if type(self) is owner or name in names:
            raise FrozenInstanceError(f"cannot delete field {name!r}")
        super(owner, self).__delattr__(name)

    return [__setattr__, __delattr__]


def _getstate() -> Any:
    def __getstate__(self: Any) -> list[Any]:  # noqa: N807
        return [getattr(self, item.name) for item in dataclasses.fields(self)]

    return __getstate__


def _setstate() -> Any:
    def __setstate__(self: Any, state: list[Any]) -> None:  # noqa: N807
        for item, value in zip(dataclasses.fields(self), state, strict=False):
            object.__setattr__(self, item.name, value)

    return __setstate__


class _Later:
    """Stands for `__init__` until somebody asks for it: whoever does gets the method, and the class keeps it.

    The first few objects are filled without it: two of three classes have no more in most runs.
    """

    __slots__ = ("_left", "_owner", "_plan")

    def __init__(self, owner: Any) -> None:
        self._owner, self._left = owner, _FILLED
        self._plan: Any = None

    def __get__(self, instance: object, owner: type | None = None) -> Any:
        # Python 3.13 asks with the class in the place of an object when it looks for a signature.
        if not self._left or not isinstance(instance, self._owner):
            return self.method().__get__(instance, owner)
        self._left -= 1
        self._plan = self._plan or _plan(self._owner)
        return partial(_fill, self, self._plan, instance)

    def method(self) -> Any:
        """The method, which takes the place of this."""
        method = self._owner.__init__ = _init(self._owner)
        return method


def _plan(cls: Any) -> tuple[Any, ...]:
    """What filling an object needs: names of parameters by place, of all, of those without a default.

    Then the defaults of fields and what makes others; what sets fields, and whether more is to be done.
    """
    its = dataclasses.fields(cls)
    # Without slots, the default is the class's attribute.
    is_set = [item for item in its if item.init or item.default_factory is not MISSING or "__slots__" in vars(cls)]
    return (
        [item.name for item in its if item.init and not item.kw_only],
        {item.name for item in its if item.init},
        {item.name for item in its if item.init and item.default is MISSING and item.default_factory is MISSING},
        {item.name: item.default for item in is_set if item.default is not MISSING},
        [(item.name, item.default_factory) for item in is_set if item.default_factory is not MISSING],
        object.__setattr__ if cls.__dataclass_params__.frozen else setattr,
        hasattr(cls, "__post_init__"),
    )


def _fill(later: _Later, plan: tuple[Any, ...], its: Any, /, *given: Any, **named: Any) -> None:
    """What the method would do with one object; wrong parameters are left to it."""
    places, known, needed, defaults, factories, put, is_more = plan
    values = dict(zip(places, given, strict=False))
    values.update(named)
    is_twice = len(values) < len(given) + len(named)  # a field, or there are too many
    if is_twice or not needed <= values.keys() <= known:
        later.method()(its, *given, **named)
        return
    for name, value in (defaults | values).items():
        if value is not _FACTORY:
            put(its, name, value)
    for name, factory in factories:
        if values.get(name, _FACTORY) is _FACTORY:
            put(its, name, factory())
    if is_more:
        its.__post_init__()


class _Factory:
    """What a signature shows for a default that is made anew for each object."""

    def __repr__(self) -> str:
        return "<factory>"


_FACTORY: Final = _Factory()


def _init(cls: Any) -> Any:
    """The method `__init__` of a class, as the standard decorator writes it."""
    its = dataclasses.fields(cls)
    own = "self" if all(item.name != "self" for item in its) else "__self__"
    names: dict[str, Any] = {"__set__": object.__setattr__, "__unset__": _FACTORY}
    body = []
    for item in its:
        value = _value(item, names, slots="__slots__" in vars(cls))
        if value is not None and cls.__dataclass_params__.frozen:
            body.append(f"__set__({own}, {item.name!r}, {value})")
        elif value is not None:
            body.append(f"{own}.{item.name} = {value}")
    if hasattr(cls, "__post_init__"):
        body.append(f"{own}.__post_init__()")
    given = [_parameter(item) for item in its if item.init and not item.kw_only]
    by_name = [_parameter(item) for item in its if item.init and item.kw_only]
    listed = ", ".join([own, *given, *(["*", *by_name] if by_name else [])])
    text = f"def make({', '.join(names)}):\n def __init__({listed}):\n  " + "\n  ".join(body or ["pass"])
    made: dict[str, Any] = {}
    space = getattr(sys.modules.get(cls.__module__), "__dict__", {})
    exec(text + "\n return __init__", space, made)  # noqa: S102 - the only words from outside are names of fields
    method = made["make"](**names)
    method.__qualname__ = f"{cls.__qualname__}.__init__"
    method.__annotations__ = {item.name: item.type for item in its if item.init} | {"return": None}
    return method


def _parameter(item: dataclasses.Field[Any]) -> str:
    if item.default is not MISSING:
        return f"{item.name}=__default_{item.name}__"
    return item.name if item.default_factory is MISSING else f"{item.name}=__unset__"


def _value(item: dataclasses.Field[Any], names: dict[str, Any], *, slots: bool) -> str | None:
    """What a field is set to, None if to nothing; `names` gets the values that this needs."""
    if item.default_factory is not MISSING:
        names[f"__factory_{item.name}__"] = item.default_factory
        new = f"__factory_{item.name}__()"
        return f"{new} if {item.name} is __unset__ else {item.name}" if item.init else new
    if item.default is not MISSING:
        names[f"__default_{item.name}__"] = item.default
    if item.init:
        return item.name
    # Without slots, the default is the class's attribute.
    return f"__default_{item.name}__" if slots and item.default is not MISSING else None
