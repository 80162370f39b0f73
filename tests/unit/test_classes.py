"""Dataclasses whose methods are compiled late are dataclasses to everybody else."""

from __future__ import annotations

import ast
import copy
import dataclasses
import importlib
import inspect
import pickle
import pkgutil
import typing
import weakref
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import FrozenInstanceError, InitVar, field
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar, get_type_hints

import pydantic
import pytest

import latprof
from latprof.classes import dataclass

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Point:
    """Frozen, with slots."""

    x: int
    y: float = 0.5
    marks: list[str] = field(default_factory=list, hash=False)


@dataclass(slots=True)
class Tally:
    """Not frozen, with slots."""

    name: str
    count: int = 0


@dataclass(slots=True)
class Named(Tally):
    """A record made from a record."""

    title: str = ""


@dataclass(frozen=True)
class Loose:
    """Frozen, with an own dictionary."""

    x: int


class Wider(Loose):
    """Not a dataclass itself: it may have more than its fields."""


@dataclass(eq=False)
class Same:
    """Equal to itself alone."""

    x: int


class _Shape(ABC):
    @abstractmethod
    def area(self) -> float:
        """What a square has to know."""


@dataclass(slots=True)
class Square(_Shape, Generic[T]):
    """A record with other parents."""

    side: T

    def area(self) -> float:
        return float(str(self.side)) ** 2


def test_an_object_has_what_it_was_given_and_defaults() -> None:
    """Each list is its own."""
    one, other = Point(1), Point(1)
    one.marks.append("a")
    assert (one.x, one.y, one.marks, other.marks) == (1, 0.5, ["a"], [])
    assert repr(one) == "Point(x=1, y=0.5, marks=['a'])"
    assert one != other
    assert other == Point(1, 0.5, [])
    assert hash(one) == hash(other)


def test_fields_of_a_frozen_object_stay() -> None:
    """Neither set nor deleted, and no attribute is added."""
    point: Any = Point(1)
    for name in ("x", "z"):
        with pytest.raises(FrozenInstanceError, match=f"cannot assign to field '{name}'"):
            setattr(point, name, 2)
        with pytest.raises(FrozenInstanceError, match=f"cannot delete field '{name}'"):
            delattr(point, name)
    wider: Any = Wider(1)
    wider.z = 2
    del wider.z
    with pytest.raises(FrozenInstanceError, match="'x'"):
        wider.x = 2


@pytest.mark.parametrize("value", [Point(1, 2.5, ["a"]), Tally("a", 3), Named("a", 3, "b"), Loose(4), Square(2)])
def test_objects_travel_and_are_copied(value: Any) -> None:
    """Processes send them to each other."""
    for made in (pickle.loads(pickle.dumps(value)), copy.copy(value), copy.deepcopy(value)):  # noqa: S301
        assert made == value
        assert made is not value
    assert dataclasses.replace(value) == value


def test_the_library_of_dataclasses_knows_them() -> None:
    """fields, asdict, astuple, replace, is_dataclass."""
    point = Point(1, marks=["a"])
    assert dataclasses.is_dataclass(Point)
    assert [item.name for item in dataclasses.fields(Point)] == ["x", "y", "marks"]
    assert dataclasses.asdict(point) == {"x": 1, "y": 0.5, "marks": ["a"]}
    assert dataclasses.astuple(point) == (1, 0.5, ["a"])
    assert dataclasses.replace(point, x=3) == Point(3, 0.5, ["a"])
    match point:
        case Point(x, y):
            assert (x, y) == (1, 0.5)


def test_a_signature_can_be_read_before_the_first_object() -> None:
    """Nobody sees that `__init__` is not there yet."""

    @dataclass(slots=True)
    class Fresh:
        """Never made."""

        a: int
        b: list[int] = field(default_factory=list)
        c: str = field(default="c", kw_only=True)

    assert str(inspect.signature(Fresh)) == "(a: 'int', b: 'list[int]' = <factory>, *, c: 'str' = 'c') -> None"
    assert typing.get_type_hints(Fresh.__init__) == {"a": int, "b": list[int], "c": str, "return": type(None)}
    assert inspect.isfunction(vars(Fresh)["__init__"])


@pytest.mark.parametrize("options", [{"slots": True}, {"frozen": True}, {"frozen": True, "slots": True}, {}])
def test_the_first_objects_are_as_the_later_ones(options: dict[str, bool]) -> None:
    """The first ones are filled without the method that is compiled for the others."""
    made: list[Any] = []

    class Fresh:
        """Of each kind of field one; `self` is one, too."""

        self: int
        b: list[int] = field(default_factory=list)
        c: str = field(default="c", kw_only=True)
        d: int = field(default=4, init=False)
        e: list[int] = field(default_factory=lambda: [5], init=False)

        def __post_init__(self) -> None:
            made.append(self)

    fresh: Any = dataclass(**options)(Fresh)
    objects = [fresh(1, c="x") for _ in range(30)]
    assert {repr(item) for item in objects} == {f"{fresh.__qualname__}(self=1, b=[], c='x', d=4, e=[5])"}
    assert list(map(id, made)) == list(map(id, objects))
    assert len({id(item.b) for item in objects}) == len({id(item.e) for item in objects}) == 30
    assert fresh(self=2, b=[3]) == fresh(2, [3])


@pytest.mark.parametrize("calls_before", [0, 1, 30])
@pytest.mark.parametrize(
    ("given", "named"),
    [((), {}), ((1, 2, 3), {}), ((1,), {"a": 2}), ((1,), {"d": 2}), ((), {"b": 2}), ((1, 2), {"b": 2, "x": 1})],
)
def test_no_object_comes_of_a_wrong_call(calls_before: int, given: tuple[int, ...], named: dict[str, int]) -> None:
    """What is missing, too much, twice or unknown is told in the same words, first or later."""

    @dataclass(slots=True)
    class Fresh:
        """Two parameters."""

        a: int
        b: int = 2
        d: int = field(default=0, init=False)

    @dataclasses.dataclass
    class Usual:
        """The same."""

        a: int
        b: int = 2
        d: int = field(default=0, init=False)

    fresh: Any = Fresh
    for _ in range(calls_before):
        fresh(1)
    with pytest.raises(TypeError) as usual:
        Usual(*given, **named)
    with pytest.raises(TypeError) as found:
        fresh(*given, **named)
    assert str(found.value) == str(usual.value).replace("Usual", "Fresh")


def test_a_wrong_call_is_told_as_ever() -> None:
    """By the name of the class and the argument."""
    make: Any = Tally
    with pytest.raises(TypeError, match=r"^Tally\.__init__\(\) missing 1 required positional argument: 'name'$"):
        make()
    with pytest.raises(TypeError, match=r"^Tally\.__init__\(\) got an unexpected keyword argument 'size'$"):
        make("a", size=3)


def test_records_inherit_from_records_and_from_others() -> None:
    """Fields of parents come first; what is abstract must be there."""
    named = Named("a", title="b")
    assert repr(named) == "Named(name='a', count=0, title='b')"
    assert named != Tally("a")
    assert Square(3).area() == 9
    with pytest.raises(TypeError, match="cannot inherit non-frozen dataclass from a frozen one"):

        @dataclass
        class Wrong(Loose):  # type: ignore[misc]
            """Its parent is frozen."""


def test_equal_to_itself_alone() -> None:
    """eq=False leaves identity and its hash."""
    one = Same(1)
    assert one != Same(1)
    assert {one: 1}[one] == 1
    assert weakref.ref(one)() is one
    with pytest.raises(TypeError, match="unhashable"):
        hash(Tally("a"))


def test_a_record_in_itself_has_an_end() -> None:
    """As lists do it."""
    point = Point(1)
    point.marks.append(point)  # type: ignore[arg-type]
    assert repr(point) == "Point(x=1, y=0.5, marks=[...])"


def test_pydantic_reads_them() -> None:
    """It takes them for the dataclasses that they are."""
    adapter = pydantic.TypeAdapter(Tally)
    assert adapter.validate_python({"name": "a", "count": "3"}) == Tally("a", 3)
    with pytest.raises(pydantic.ValidationError, match="name"):
        adapter.validate_python({"count": 3})


def test_what_is_not_handled_goes_the_standard_way() -> None:
    """Other options, own methods, class variables, values for the start alone."""

    @dataclass(order=True)
    class Ordered:
        """Sorted."""

        x: int

    @dataclass
    class Various:
        """A class variable, and a value that is no field."""

        kind: ClassVar[str] = "a"
        start: InitVar[int]
        x: int = 0

        def __post_init__(self, start: int) -> None:
            self.x = start

        def __repr__(self) -> str:
            return "mine"

    @dataclass(frozen=True, slots=True)
    class Bare:
        x: int

    assert Ordered(1) < Ordered(2)
    assert Various(3).x == 3
    assert repr(Various(3)) == "mine"
    assert Bare(1) == Bare(1)
    assert str(Bare.__doc__) == "Bare(x: 'int')"


_Shared = ClassVar


def test_a_class_variable_by_another_name_is_refused() -> None:
    """As a field it would be a parameter."""
    with pytest.raises(TypeError, match="has a ClassVar or InitVar by another name"):

        @dataclass
        class Wrong:
            """With a name for what is no type."""

            kind: _Shared[str] = "a"  # type: ignore[valid-type]
            x: int = 0


def test_types_are_those_that_were_written() -> None:
    """In the class, in its fields and in those of classes made from it, with slots and without."""

    @dataclass
    class Plain:
        """A base."""

        x: int
        y: list[str] = field(default_factory=list)

    @dataclass
    class More(Plain):
        """Another field, and one of another type."""

        x: float  # type: ignore[assignment]
        z: str | None = None

    @dataclass(slots=True)
    class Slotted:
        """With slots."""

        x: int
        y: float = 1.5

    told = {cls: [(item.name, item.type) for item in dataclasses.fields(cls)] for cls in (Plain, More, Slotted)}
    assert told[Plain] == [("x", "int"), ("y", "list[str]")]
    assert told[More] == [("x", "float"), ("y", "list[str]"), ("z", "str | None")]
    assert told[Slotted] == [("x", "int"), ("y", "float")]
    assert Slotted.__annotations__ == {"x": "int", "y": "float"}
    assert get_type_hints(Slotted) == {"x": int, "y": float}
    assert More.__annotations__ == {"x": "float", "z": "str | None"}


def test_a_field_after_defaults_needs_one() -> None:
    """Told where the class is written, not where an object is made."""
    with pytest.raises(TypeError, match="non-default argument 'y' follows default argument"):

        @dataclass
        class Wrong:
            """In the wrong order."""

            x: int = 0
            y: int  # type: ignore[misc]


def _records() -> Iterator[Any]:
    for info in pkgutil.walk_packages(latprof.__path__, "latprof."):
        if "__main__" not in info.name:
            for found in vars(importlib.import_module(info.name)).values():
                if isinstance(found, type) and dataclasses.is_dataclass(found) and found.__module__ == info.name:
                    yield found


def test_all_records_of_latprof_can_be_called() -> None:
    """The names of their parameters are those of their fields."""
    seen = 0
    for record in _records():
        asked = list(inspect.signature(record).parameters)
        assert sorted(asked) == sorted(item.name for item in dataclasses.fields(record) if item.init), record
        seen += 1
    assert seen > 300


def test_all_records_are_made_this_way() -> None:
    """The standard decorator costs half a thousandth of a second for each class, used or not."""
    source = Path(latprof.__file__).parent
    for path in source.rglob("*.py"):
        found = [
            alias.name
            for node in ast.parse(path.read_text(encoding="utf-8")).body
            if isinstance(node, ast.ImportFrom) and node.module == "dataclasses"
            for alias in node.names
        ]
        assert "dataclass" not in found, path
