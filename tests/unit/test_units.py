"""How numbers, instants and spans of time become text, and back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest

from latprof.units import UNKNOWN, format_count, format_instant, format_share, format_value, parse_duration_s


@pytest.mark.parametrize("unit", ["s", "tok/s", "tokens", "share", "1"])
def test_unknown_is_a_dash_in_every_unit(unit: str) -> None:
    """Unknown is never 0."""
    assert format_value(None, unit) == UNKNOWN
    assert UNKNOWN not in format_value(0.0, unit)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0.25, "0.25"),
        (1.0, "1.00"),
        (9.87, "9.87"),
        (98.7, "98.7"),
        (987.0, "987"),
        (12345.0, "12,345"),
        (-1.5, "-1.50"),
    ],
)
def test_seconds_and_rates_have_three_digits(value: float, expected: str) -> None:
    """The same digits for seconds and for tokens per second; the unit itself is not written."""
    assert format_value(value, "s") == expected
    assert format_value(value, "tok/s") == expected


@pytest.mark.parametrize(("value", "expected"), [(9.996, "10.0"), (99.96, "100"), (0.9996, "1.00")])
def test_rounding_up_to_the_next_power_of_ten_keeps_three_digits(value: float, expected: str) -> None:
    """The number of digits is that of the rounded value."""
    assert format_value(value, "s") == expected


@pytest.mark.parametrize("value", [0.0004, 0.00004])
def test_a_small_value_never_reads_as_nothing(value: float) -> None:
    """What is not zero has a digit that is not zero."""
    assert set(format_value(value, "s")) & set("123456789")


@pytest.mark.parametrize(
    ("value", "expected"), [(0, "0"), (1, "1"), (2.5, "2.5"), (12.5, "12"), (999, "999"), (1234567, "1,234,567")]
)
def test_tokens_and_counts_are_whole_numbers_from_ten_on(value: float, expected: str) -> None:
    """Percentiles of small counts may lie between two of them."""
    assert format_value(value, "tokens") == expected
    assert format_value(value, "1") == expected


@pytest.mark.parametrize(
    ("share", "expected"),
    [
        (None, "–"),
        (0.0, "0 %"),
        (0.00001, "<0.1 %"),
        (0.001, "0.1 %"),
        (0.0099, "1.0 %"),
        (0.01, "1 %"),
        (0.125, "12 %"),
        (0.5, "50 %"),
        (0.99, "99 %"),
        (0.994, "99.4 %"),
        (0.99999, ">99.9 %"),
        (1.0, "100 %"),
    ],
)
def test_shares_tell_some_from_none_and_nearly_all_from_all(share: float | None, expected: str) -> None:
    """Only 0 is '0 %' and only 1 is '100 %'."""
    assert format_share(share) == expected


def test_shares_never_fall_when_the_value_grows() -> None:
    """The texts keep the order of the values."""
    texts = [format_share(step / 10_000) for step in range(10_001)]
    numbers = [float(text.removesuffix(" %").lstrip("<>")) - 0.05 * text.startswith("<") for text in texts]
    assert numbers == sorted(numbers)
    assert [texts.count("0 %"), texts.count("100 %")] == [1, 1]


def test_counts_have_thousands_marks() -> None:
    """Also at the edges of a group."""
    assert [format_count(value) for value in (0, 999, 1000, 1_000_000)] == ["0", "999", "1,000", "1,000,000"]


NOON = datetime(2026, 7, 1, 12, 0, 0, 123_456, tzinfo=UTC).timestamp()


def test_instants_have_milliseconds_and_an_offset() -> None:
    """ISO 8601 in UTC unless a zone is given; the instant is the same in every zone."""
    assert format_instant(NOON) == "2026-07-01T12:00:00.123+00:00"
    assert format_instant(NOON, ZoneInfo("America/New_York")) == "2026-07-01T08:00:00.123-04:00"
    assert format_instant(NOON, timezone(timedelta(hours=5, minutes=45))) == "2026-07-01T17:45:00.123+05:45"


def test_instants_are_rounded_not_cut() -> None:
    """A float that is a hair below the logged millisecond is still that millisecond."""
    assert format_instant(1_772_446_800.9999997) == "2026-03-02T10:20:01.000+00:00"


def test_zero_is_an_instant_and_none_is_not() -> None:
    """1970 is a time; unknown is none."""
    assert format_instant(0.0) == "1970-01-01T00:00:00.000+00:00"
    assert format_instant(None) is None


def test_the_repeated_hour_of_a_change_of_clocks_keeps_its_two_offsets() -> None:
    """In Berlin 02:30 comes twice on 25 October 2026."""
    first = datetime(2026, 10, 25, 0, 30, tzinfo=UTC).timestamp()
    berlin = ZoneInfo("Europe/Berlin")
    assert format_instant(first, berlin) == "2026-10-25T02:30:00.000+02:00"
    assert format_instant(first + 3600, berlin) == "2026-10-25T02:30:00.000+01:00"


@pytest.mark.parametrize(
    ("text", "seconds"), [("45s", 45), ("90m", 5400), ("1.5h", 5400), (" 7d ", 604_800), ("2W", 1_209_600)]
)
def test_spans_are_a_number_and_a_unit(text: str, seconds: float) -> None:
    """Seconds, minutes, hours, days, weeks; capitals and blanks around do not matter."""
    assert parse_duration_s(text) == seconds


@pytest.mark.parametrize("text", ["", " ", "d", "7", "7y", "0d", "-1h", "nanh", "infd", "1e300w", "7 days"])
def test_what_is_no_span_is_refused(text: str) -> None:
    """Nothing is guessed."""
    with pytest.raises(ValueError, match=r".*"):
        parse_duration_s(text)
