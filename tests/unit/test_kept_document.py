"""Documents and other plain values as bytes and back: the same to the last bit, or not kept at all."""

from __future__ import annotations

import json
import math
from collections import OrderedDict
from datetime import UTC, datetime
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as some

from latprof.report.document import Cell, Column, Document, Grid, Note, Section, Table
from latprof.report.kept import document_bytes, document_from
from latprof.store.plain import packed, unpacked

TEXTS = some.text(some.characters(codec=None), max_size=8)  # lone surrogates, too
CELLS = some.none() | some.integers(-(2**70), 2**70) | some.floats(allow_nan=False) | TEXTS
FINITE = some.none() | some.integers(-(2**70), 2**70) | some.floats(allow_nan=False, allow_infinity=False) | TEXTS
PLAIN = some.recursive(
    FINITE | some.booleans(),
    lambda inner: some.lists(inner, max_size=4) | some.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=12,
)


class Pair(NamedTuple):
    """A tuple with names."""

    first: str
    second: int


def a_document(data: Any, *rows: tuple[Any, ...]) -> Document:
    """A document with a table, a note, these data and these rows."""
    table = Table("Waits", (Column("p50"), Column("n", "left", 2)), ((Cell("1.5"), Cell("7", minor=True)),), "few")
    section = Section("By trigger", (table, Note("a\nb null")))
    return Document("latprof: 7 calls", (section,), data, Grid(("name", "p50"), rows))


@given(PLAIN, some.lists(some.tuples(CELLS, CELLS), max_size=4))
def test_a_document_comes_back_as_it_was(data: Any, rows: list[tuple[Any, ...]]) -> None:
    """With whole numbers of any size, floats to the last bit, infinite cells and texts that are no Unicode."""
    document = a_document({"figures": data}, *rows)
    kept = document_bytes(document)
    assert kept is not None
    assert repr(document_from(kept)) == repr(document)


def test_numbers_that_are_none_stay_so() -> None:
    """A cell without a number, and one with a number that is not one, are not the same."""
    kept = document_bytes(a_document({}, ("a", None), ("null", math.nan), ("b", math.inf)))
    assert kept is not None
    (_, nothing), (_, odd), (_, endless) = document_from(kept).grid.rows
    assert nothing is None
    assert repr(odd) == "nan"
    assert endless == math.inf


@pytest.mark.parametrize("value", [datetime(2026, 3, 1, tzinfo=UTC), {1, 2}, b"bytes", Note("a dataclass"), 1j])
def test_what_json_has_no_word_for_is_not_kept(value: Any) -> None:
    """Such a document is made anew each time."""
    assert document_bytes(a_document({"value": value})) is None


@pytest.mark.parametrize(
    "value",
    [
        {1: "a key that is no text"},
        [Pair("named", 2), ("tuple", [3])],
        OrderedDict(a=1),
        ["\ud800", 2**64, -(2**63), 2**63, 1e300, 5e-324, 0.1],
        {"a": [True, False, None]},
    ],
)
def test_packing_is_what_the_standard_library_does(value: Any) -> None:
    """Whoever of both writes it."""
    assert unpacked(packed(value)) == json.loads(json.dumps(value))


def test_damaged_bytes_are_an_error() -> None:
    """Of both writers."""
    for data in (b'["cut', b' ["cut', b""):
        with pytest.raises(ValueError, match=r"."):
            unpacked(data)
