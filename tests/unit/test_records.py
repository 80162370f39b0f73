"""Bytes to records, and typed looks into them: the helpers that all readers share."""

from __future__ import annotations

import gzip
import json
import math
from typing import Any

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from latprof.formats.base import Source
from latprof.formats.records import (
    count_of,
    dict_of,
    json_document,
    json_lines,
    json_stream,
    list_of,
    loads_leniently,
    number_of,
    salvaged,
    seconds_of,
    table_rows,
    text_of,
    whole_text,
)
from latprof.model import Problem

NOON = 1_772_452_800.0  # 2026-03-02 12:00:00 UTC
BOM = b"\xef\xbb\xbf"


def lines(data: bytes) -> tuple[list[tuple[int, Any]], list[tuple[str, int | None]]]:
    problems: list[Problem] = []
    found = list(json_lines(Source.from_bytes(data), problems))
    return found, [(problem.kind, problem.line) for problem in problems]


def stream(data: bytes) -> tuple[list[tuple[int, Any]], list[tuple[str, int | None]]]:
    problems: list[Problem] = []
    found = list(json_stream(Source.from_bytes(data), problems))
    return found, [(problem.kind, problem.line) for problem in problems]


def document(data: bytes) -> tuple[Any, list[str]]:
    problems: list[Problem] = []
    return json_document(Source.from_bytes(data), problems), [problem.kind for problem in problems]


def table(data: bytes, **options: Any) -> tuple[list[tuple[int, dict[str, str]]], list[tuple[str, int | None]]]:
    problems: list[Problem] = []
    found = list(table_rows(Source.from_bytes(data), problems, **options))
    return found, [(problem.kind, problem.line) for problem in problems]


def test_lines_keep_their_numbers() -> None:
    """Empty lines and padding are counted and skipped; both ends of lines are known."""
    assert lines(b'{"a":1}\r\n\n \t\n\x00\x00\n{"b":2}') == ([(1, {"a": 1}), (5, {"b": 2})], [])


def test_a_line_that_is_no_object_is_a_problem_of_its_line() -> None:
    """The last one without an end was cut off."""
    found, problems = lines(b'[1]\n{"a":\n"x"\n{"b":2}\n{"c"')
    assert found == [(4, {"b": 2})]
    assert problems == [("bad_line", 1), ("bad_line", 2), ("bad_line", 3), ("cut_line", 5)]


def test_a_byte_order_mark_is_no_part_of_the_first_line() -> None:
    """Only there."""
    assert lines(BOM + b'{"a":1}\n')[0] == [(1, {"a": 1})]
    assert table(BOM + b"a,b\n1,2\n")[0] == [(2, {"a": "1", "b": "2"})]
    assert document(BOM + b"[1]") == ([1], [])
    assert stream(BOM + b"[1]")[0] == [(1, [1])]


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.compress])
def test_packed_bytes_that_end_early_are_read_as_far_as_they_go(pack: Any) -> None:
    """One problem says so; what came before stays."""
    data = b"".join(b'{"number": %d, "noise": "%032x"}\n' % (n, hash((n, 7)) & (2**127 - 1)) for n in range(5000))
    packed = pack(data)
    assert len(lines(packed)[0]) == 5000
    found, problems = lines(packed[: len(packed) * 2 // 3])
    assert 0 < len(found) < 5000
    assert {kind for kind, _ in problems} <= {"unreadable", "cut_line"}
    assert problems


def test_a_source_that_cannot_be_opened_is_one_problem() -> None:
    """For each way to read it."""

    def refuse() -> Any:
        raise PermissionError("no")

    source = Source("x", refuse)
    for read in (json_lines, json_stream, table_rows):
        problems: list[Problem] = []
        assert list(read(source, problems)) == []
        assert [(problem.kind, problem.detail) for problem in problems] == [("unreadable", "PermissionError")]
    problems = []
    assert json_document(source, problems) is None
    assert whole_text(source, problems) == b""
    assert len(problems) == 2


def test_a_document_is_any_value() -> None:
    """Nothing at all is no document and no problem."""
    assert document(b' {"a": [1, 2]} ') == ({"a": [1, 2]}, [])
    assert document(b" \n") == (None, [])
    assert document(b"null") == (None, [])
    assert document(b"<html>") == (None, ["unreadable"])


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ('[{"a":1},{"a":2},{"a":3', [{"a": 1}, {"a": 2}]),
        ('{"id":"x","list":[{"a":1},{"a":2},{"a"', {"id": "x", "list": [{"a": 1}, {"a": 2}]}),
        ('{"id":"x","list":[{"a":[1,2,3]},{"a":[4,5,', {"id": "x", "list": [{"a": [1, 2, 3]}]}),
        ('{"id":"x","list":[1,2],"more":[3,4,5', {"id": "x", "list": [1, 2], "more": [3, 4]}),
        ('["a \\" ] , ","b", "c', ['a " ] , ', "b"]),
        ("[[1,2],[3", [[1, 2]]),
        ("[", []),
        ('{"id":"x","list":[{"a"', {"id": "x", "list": []}),
        ('{"id":"x","title":"y', None),
        ("[1,2]]", None),
        ("}", None),
        ("", None),
    ],
)
def test_of_a_cut_document_only_whole_elements_stay(text: str, kept: Any) -> None:
    """Of the outermost list that has one; an element is never given in part."""
    assert salvaged(text.encode()) == kept


def test_a_cut_document_says_that_it_was_cut() -> None:
    """So that nobody takes its end for the session's end."""
    assert document(b'{"list": [{"a":1}, {"a":2') == ({"list": [{"a": 1}]}, ["cut_document"])


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=12,
)


@given(st.lists(json_values, min_size=1, max_size=5), st.floats(0, 1))
def test_any_cut_of_a_list_gives_its_first_elements(values: list[Any], share: float) -> None:
    """Nothing that is not in the whole; where the first element has no list inside, nothing in part."""
    text = json.dumps([{"n": number, "v": 1} for number, _ in enumerate(values)])
    found = salvaged(text[: int(len(text) * share)].encode())
    whole = json.loads(text)
    assert found is None or found == whole[: len(found)]


def test_values_one_after_the_other_are_a_stream() -> None:
    """However they are spread over lines, with commas or separators between them."""
    data = b'{"a":\n1}\n{"b":2} {"c":3}\n\x1e[4],\n5'
    assert stream(data) == ([(1, {"a": 1}), (3, {"b": 2}), (3, {"c": 3}), (4, [4]), (5, 5)], [])


def test_text_between_values_is_skipped_to_the_next_line() -> None:
    """Counted once; the rest of a cut value is the end."""
    found, problems = stream(b'{"a":1}\nhello {"b":2}\n{"c":3}\n{"d":')
    assert [value for _, value in found] == [{"a": 1}, {"c": 3}]
    assert problems == [("bad_line", 2), ("cut_line", 4)]


def test_rows_have_the_names_of_their_header() -> None:
    """Quoted cells hold commas and line ends; the line is where the row ends."""
    assert table(b'a, b\n1,"x, ""y""\nz"\n3,4\n') == (
        [(3, {"a": "1", "b": 'x, "y"\nz'}), (4, {"a": "3", "b": "4"})],
        [],
    )
    assert table(b"a;b\n1;2\n", delimiter=";")[0] == [(2, {"a": "1", "b": "2"})]
    assert table(b"") == ([], [])


def test_rows_of_another_length_are_problems() -> None:
    """Such as the last one of a cut table; empty lines are none."""
    found, problems = table(b"a,b\n1\n\n1,2,3\n1,2\n1")
    assert [row for _, row in found] == [{"a": "1", "b": "2"}]
    assert problems == [("bad_line", 2), ("bad_line", 4), ("bad_line", 6)]


def test_a_cell_that_is_too_large_is_a_problem_and_no_end() -> None:
    """The csv module refuses it."""
    found, problems = table(b"a,b\n1," + b"x" * 200_000 + b"\n3,4\n")
    assert {"a": "3", "b": "4"} in [row for _, row in found]
    assert {kind for kind, _ in problems} == {"bad_line"}


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        (b'{"a": "\\ud83d"}', {"a": "?"}),
        (b'{"a": "\xff"}', {"a": "\ufffd"}),
        (b'{"a": NaN, "b": -Infinity}', {"a": "NaN", "b": "-Infinity"}),
        (b'{"a": "tab\there"}', {"a": "tab\there"}),
        (b'{"a": 123456789012345678901234567890}', {"a": 1.2345678901234568e29}),
    ],
)
def test_json_of_careless_writers_is_read(raw: bytes, value: Any) -> None:
    """Lone surrogates, wrong bytes, control characters, numbers that are none."""
    assert loads_leniently(raw) == value


def test_a_number_beyond_all_floats_is_none() -> None:
    """What stands beside it is read."""
    digits = "9" * 400
    assert loads_leniently(f'{{"a": 1e999, "b": -1e999, "c": {digits}, "d": 1.5, "e": 7}}'.encode()) == {
        "a": None,
        "b": None,
        "c": None,
        "d": 1.5,
        "e": 7,
    }


@pytest.mark.parametrize("raw", [b"", b"{", b"{'a':1}", b"[" * 100_000, b"nothing"])
def test_what_is_no_json_raises_one_error(raw: bytes) -> None:
    """Whatever the depth."""
    with pytest.raises(ValueError, match="JSON"):
        loads_leniently(raw)


RECORD = {"a": {"b": "text", "n": 5, "f": 2.5, "t": True, "s": "7", "e": "", "l": [1], "neg": -1, "big": 10**12}}


def test_looks_give_the_value_only_when_it_has_the_type() -> None:
    """Missing, empty and wrong ones are None, an empty object or an empty list."""
    assert text_of(RECORD, "a", "b") == "text"
    assert [text_of(RECORD, "a", key) for key in ("n", "e", "zzz", "l")] == [None] * 4
    assert dict_of(RECORD, "a") == RECORD["a"]
    assert [dict_of(RECORD, "a", key) for key in ("b", "l", "zzz")] == [{}] * 3
    assert list_of(RECORD, "a", "l") == [1]
    assert [list_of(RECORD, "a", key) for key in ("b", "n", "zzz")] == [[]] * 3


@pytest.mark.parametrize("record", [None, 3, "x", [], [{"a": 1}]])
def test_looks_into_what_is_no_object_find_nothing(record: Any) -> None:
    """Never an error; without keys the value itself is meant."""
    assert text_of(record, "a") is None
    assert number_of(record, "a", "b") is None
    assert list_of(record, "a") == []
    assert dict_of(record) == {}


@pytest.mark.parametrize(
    ("value", "number", "count"),
    [
        (5, 5.0, 5), ("7", 7.0, 7), (2.0, 2.0, 2), (0, 0.0, 0), (2.5, 2.5, None), ("2.5", 2.5, None), (-1, -1.0, None),
        (10**12, 1e12, None), (True, None, None), (False, None, None), ("", None, None), ("x", None, None),
        ("nan", None, None), ("inf", None, None), (math.nan, None, None), (math.inf, None, None), (None, None, None),
        ([5], None, None), ({}, None, None), (10**400, None, None), ("1" * 5000, None, None),
    ],
)  # fmt: skip
def test_numbers_are_finite_and_counts_are_whole(value: Any, number: float | None, count: int | None) -> None:
    """A number in a text counts, true and false do not; a count is neither negative nor absurd."""
    assert number_of({"v": value}, "v") == number
    assert count_of({"v": value}, "v") == count


@pytest.mark.parametrize(
    "stamp",
    [
        "2026-03-02T12:00:00Z", "2026-03-02T12:00:00.000Z", "2026-03-02T13:00:00+01:00", "2026-03-02 12:00:00",
        "2026-03-02T12:00:00.000000000Z", "20260302T120000Z", NOON, int(NOON), NOON * 1e3, NOON * 1e6, NOON * 1e9,
        str(int(NOON)), str(int(NOON * 1000)),
    ],
)  # fmt: skip
def test_stamps_of_all_kinds_are_seconds(stamp: Any) -> None:
    """ISO 8601 in UTC unless it says otherwise; numbers by their size."""
    assert seconds_of(stamp) == NOON


def test_more_than_six_digits_of_a_second_are_cut() -> None:
    """A nanosecond is nothing here."""
    assert seconds_of("2026-03-02T12:00:00.123456789Z") == pytest.approx(NOON + 0.123456, abs=1e-6)
    assert seconds_of("2026-03-02T12:00:00.5+00:00") == NOON + 0.5


@pytest.mark.parametrize(
    "stamp",
    [
        None, True, "", "soon", [], {}, 0, -5, 1, 1_000_000_000, "2019-12-31T23:59:59Z", "2100-01-02T00:00:00Z",
        "2026-13-01T00:00:00Z", math.nan, math.inf, -math.inf, 10**30, "0001-01-01T00:00:00+23:59", "9" * 400,
    ],
)  # fmt: skip
def test_what_is_no_plausible_time_is_none(stamp: Any) -> None:
    """Damage, zeros, other centuries."""
    assert seconds_of(stamp) is None


def test_the_unit_can_be_given() -> None:
    """Then the size does not decide."""
    assert seconds_of(NOON * 1000, unit=0.001) == NOON
    assert seconds_of(NOON * 1000, unit=1.0) is None


@given(st.integers(1_600_000_000_000, 4_000_000_000_000))
def test_milliseconds_and_their_iso_text_are_the_same_time(millis: int) -> None:
    """To the float."""
    from datetime import UTC, datetime

    text = datetime.fromtimestamp(millis / 1000, UTC).isoformat(timespec="milliseconds")
    assert seconds_of(text) == pytest.approx(seconds_of(millis), abs=1e-6)


@given(st.binary(max_size=300))
def test_no_bytes_make_a_helper_raise(data: bytes) -> None:
    """Noise gives values and counted problems: nothing that was not read is passed over in silence."""
    records, problems = lines(data)
    asked = [raw for raw in data.removeprefix(b"\xef\xbb\xbf").split(b"\n") if raw.strip(b" \t\r\n\x00")]
    assert len(records) + len(problems) == len(asked)
    stream(data)
    document(data)
    table(data)
    salvaged(data)


@given(st.lists(st.dictionaries(st.text(max_size=5), json_values, max_size=3), max_size=6))
def test_what_was_written_is_read(records: list[dict[str, Any]]) -> None:
    """As lines, as a stream and as a document."""
    written = [json.loads(json.dumps(record)) for record in records]
    data = b"".join(json.dumps(record).encode() + b"\n" for record in records)
    assert [record for _, record in lines(data)[0]] == written
    assert [record for _, record in stream(data)[0]] == written
    assert document(json.dumps(records).encode()) == (written, [])
