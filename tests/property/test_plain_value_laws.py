"""Values of the command line that are read without a library are what the library makes of them."""

from __future__ import annotations

from typing import Annotated, Any

import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st
from typer.main import get_command

from latprof.cli.plain_values import read_plainly

pytestmark = pytest.mark.property


def _command(
    whole: Annotated[int | None, typer.Option(min=1, max=40)] = None,
    free: Annotated[int, typer.Option()] = 3,
    broken: Annotated[float, typer.Option(min=0.1, max=744)] = 2,
    least: Annotated[float | None, typer.Option(min=0)] = None,
    words: Annotated[list[str] | None, typer.Option()] = None,
    numbers: Annotated[list[int] | None, typer.Option(min=0)] = None,
) -> None:
    """Options of all kinds."""


def _params() -> dict[str, Any]:
    app = typer.Typer(add_completion=False)
    app.command()(_command)
    command: Any = get_command(app)
    return {param.name: param for param in command.params}


TYPERS, OURS = _params(), {param.name: param for param in read_plainly(list(_params().values()))}
TEXTS = st.one_of(
    st.integers(-5, 2000).map(str),
    st.floats(-5, 1000).map(repr),
    st.floats(0, 1000).map(lambda value: f"{value:.3f}"),
    st.from_regex(r"[ +]?[0-9]{0,3}[._e]?[0-9]{0,3} ?", fullmatch=True),
    st.sampled_from(["", "nan", "inf", "1e3", "0x1", "007", "1_0", "٣", "1.", ".5", "-0", "9" * 16, "9" * 400]),
)


def _read(param: Any, value: Any) -> Any:
    """The value and its type, or the words of the error."""
    try:
        found = param.get_runtime_param().coerce(value, param=param, ctx=None)
    except typer.BadParameter as error:
        return error.format_message()
    return type(found), repr(found)


@given(name=st.sampled_from(["whole", "free", "broken", "least"]), text=TEXTS)
def test_a_number_is_the_one_that_the_library_reads(name: str, text: str) -> None:
    """And where it is none, or out of range, the error is the library's."""
    assert _read(OURS[name], text) == _read(TYPERS[name], text)


@given(name=st.sampled_from(["numbers", "words"]), texts=st.lists(TEXTS, max_size=3))
def test_lists_are_those_that_the_library_reads(name: str, texts: list[str]) -> None:
    """Of numbers and of words."""
    assert _read(OURS[name], texts) == _read(TYPERS[name], texts)


@pytest.mark.parametrize("name", list(TYPERS))
def test_defaults_are_what_the_library_makes_of_them(name: str) -> None:
    """A whole number stands for one with a fraction."""
    default = TYPERS[name].default
    assert _read(OURS[name], default) == _read(TYPERS[name], default)
