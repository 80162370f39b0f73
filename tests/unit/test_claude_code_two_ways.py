"""Skimmed lines and lines that are decoded in full say the same; old lines can be kept while a file grows."""

from __future__ import annotations

import importlib.util
import json
import marshal
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from latprof.formats import Source
from latprof.formats.claude_code import FORMAT, Decoded, calls_of, decode_lines, skim
from latprof.formats.claude_code.lines import LineKind
from latprof.formats.claude_code.rows import packed, unpacked
from latprof.formats.claude_code.skim import Doubt, Skimmer
from latprof.formats.claude_code.stamps import seconds_of

LONG = 'long \\ " \n \u00e9 \U0001f600 ' * 200
STAMP = "2026-03-02T10:00:05.250Z"
STAMP_S = datetime(2026, 3, 2, 10, 0, 5, 250_000, tzinfo=UTC).timestamp()

# An object as pairs, so that its keys can have any order and stand twice.
Pairs = list[tuple[str, Any]]


class Pairwise(list[tuple[str, Any]]):
    """Pairs that are written as an object."""


def written(value: Any, *, space: str = "", escape: bool = False) -> str:
    """JSON of a value; `space` after each sign, keys as escapes of every character where `escape`."""
    if isinstance(value, Pairwise):
        keys = ["".join(f"\\u{ord(sign):04x}" for sign in key) if escape else key for key, _ in value]
        items = [written(item, space=space, escape=escape) for _, item in value]
        inside = f",{space}".join(f'"{key}":{space}{item}' for key, item in zip(keys, items, strict=True))
        return "{" + space + inside + space + "}"
    if isinstance(value, list):
        return "[" + f",{space}".join(written(item, space=space, escape=escape) for item in value) + "]"
    return json.dumps(value, ensure_ascii=False)


def obj(**items: Any) -> Pairwise:
    return Pairwise(items.items())


def tool_result(tool_id: str = "toolu_1", content: Any = LONG) -> Pairwise:
    return obj(tool_use_id=tool_id, type="tool_result", content=content, is_error=False)


def user(*blocks: Any, **more: Any) -> Pairwise:
    """A user line with these blocks; `more` replaces or adds keys of the line."""
    items = {
        "parentUuid": "u0",
        "isSidechain": False,
        "cwd": "/home/dev",
        "sessionId": "s1",
        "version": "2.1.150",
        "message": obj(role="user", content=list(blocks)),
        "toolUseResult": obj(stdout=LONG, uuid="inner", type="text", timestamp="2020-02-02T00:00:00.000Z"),
        "type": "user",
        "uuid": "u1",
        "timestamp": STAMP,
    }
    return Pairwise((items | more).items())


def line(pairs: Pairwise, **style: Any) -> bytes:
    return written(pairs, **style).encode() + b"\n"


def assert_alike(data: bytes, path: str = "log.jsonl") -> Decoded:
    """What the bytes say, after a check that all ways say it."""
    source = Source.from_bytes(data, path)
    skimmed, whole = decode_lines(source, compiled=False), decode_lines(source, compiled=False, skim=False)
    assert skimmed == whole == decode_lines(source)
    assert list(calls_of(skimmed)) == list(calls_of(whole)) == list(FORMAT.read(source))
    return skimmed


def only_line(data: bytes) -> Any:
    decoded = assert_alike(data)
    assert decoded.problems == []
    assert len(decoded.lines) == 1
    return decoded.lines[0]


def logs(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.name.endswith((".jsonl", ".jsonl.gz", ".jsonl.zst")):
            yield path


def test_a_tool_result_is_skimmed_and_read_right() -> None:
    """The usual long line is one that skimming vouches for; its nested equal keys mean nothing."""
    pytest.importorskip("simdjson")
    raw = line(user(tool_result("toolu_1"), tool_result("toolu_2")))
    found = Skimmer(None).line(raw, 7)
    assert found is not None
    assert (found.number, found.kind, found.at) == (7, LineKind.TOOL_RESULT, STAMP_S)
    assert (found.uuid, found.parent, found.thread) == ("u1", "u0", None)
    assert found.tool_ids == ("toolu_1", "toolu_2")
    assert only_line(raw).tool_ids == found.tool_ids


@pytest.mark.parametrize(
    "twice",
    [
        Pairwise([*user(tool_result()), ("uuid", "u1")]),
        Pairwise([*user(tool_result()), ("message", None)]),
        user(Pairwise([*tool_result(), ("tool_use_id", "other")])),
        user(tool_result(), message=Pairwise([("content", 1), ("role", "user"), ("content", [tool_result()])])),
    ],
)
def test_a_key_that_stands_twice_is_left_to_the_full_decode(twice: Pairwise) -> None:
    with pytest.raises(Doubt):
        Skimmer(None).line(line(twice), 1)
    assert_alike(line(twice))


def test_the_last_of_equal_keys_counts() -> None:
    """As JSON decoders have it."""
    assert only_line(line(Pairwise([("uuid", "first"), *user(tool_result())]))).uuid == "u1"
    assert only_line(line(Pairwise([*user(tool_result()), ("uuid", "last")]))).uuid == "last"


def test_keys_in_a_text_are_text() -> None:
    """A tool result may hold a transcript: its keys are escaped there, or have another owner."""
    inner = written(user(tool_result("toolu_inner"), uuid="inner", type="assistant"))
    assert only_line(line(user(tool_result(content=inner + LONG)))).uuid == "u1"
    nested = user(tool_result(content=[obj(type="text", text=LONG), user(tool_result("toolu_inner"), uuid="inner")]))
    assert only_line(line(nested)).tool_ids == ("toolu_1",)


@pytest.mark.parametrize(
    ("more", "kind"),
    [
        ({}, LineKind.TOOL_RESULT),
        ({"isMeta": True}, LineKind.TOOL_RESULT),
        ({"isMeta": True, "turnCompanion": True}, LineKind.CUT_NOTE),
        ({"message": obj(role="user", content=LONG)}, LineKind.PROMPT),
        ({"message": obj(role="user", content=LONG), "isMeta": True}, LineKind.META),
        ({"message": obj(role="user", content=LONG), "isCompactSummary": True}, LineKind.COMPACT_SUMMARY),
        ({"message": obj(content=LONG), "origin": obj(kind="task-notification")}, LineKind.NOTICE),
        ({"message": obj(content=[obj(type="text", text="[Request interrupted by user]")])}, LineKind.INTERRUPT),
        ({"message": obj(content=[None, 3, "x", [obj()], obj(type="image", data=LONG)])}, LineKind.PROMPT),
        ({"message": [obj(type="tool_result", tool_use_id="t")]}, LineKind.PROMPT),
        ({"type": "attachment", "attachment": obj(type="hook_success", content=LONG)}, LineKind.HOOK),
        ({"type": "attachment", "attachment": obj(type="queued_command", prompt=LONG)}, LineKind.QUEUED),
        ({"type": "system", "subtype": "api_error", "retryInMs": 1500.5}, LineKind.API_ERROR),
        ({"type": "not-known-yet"}, LineKind.PASSING),
    ],
)
def test_kinds_of_long_lines(more: dict[str, Any], kind: int) -> None:
    assert only_line(line(user(tool_result(), **more))).kind == kind


@pytest.mark.parametrize("wrong", [{}, 3, True, None, "", [], [1], obj(a=1), 1e400, 2**70, -0.0])
@pytest.mark.parametrize(
    "key", ["type", "uuid", "parentUuid", "timestamp", "isSidechain", "agentId", "message", "isMeta", "origin"]
)
def test_values_of_a_wrong_type(key: str, wrong: object) -> None:
    wrong = Pairwise() if wrong == {} else wrong
    assert_alike(line(user(tool_result(), **{key: wrong})))


@pytest.mark.parametrize(
    ("raw", "kinds"),
    [
        (b'{"type":"user","a":"' + b"x" * 3000 + b"\n", ["bad_line"]),
        (b'{"type":"user","a":"' + b"x" * 3000, ["cut_line"]),
        (line(user(tool_result())).replace(b"is_error", b'is"error'), ["bad_line"]),
        (line(user(tool_result())).replace(b'"is_error":false', b'"is_error":NaN'), ["bad_line"]),
        (line(user(tool_result())).replace(b"\\\\", b"\\x"), ["bad_line"]),
        (line(user(tool_result())).replace(b"long", b"l\xffng"), []),
        (line(user(tool_result())).replace(b"long", b"l\x01ng"), []),
        (line(user(tool_result())).replace(b"long", b"\\udc00ng"), []),
        (b"\xef\xbb\xbf" + line(user(tool_result())), []),
        (line(user(tool_result()))[:-1] + b"\x00\n", ["bad_line"]),
        (b" \t" + line(user(tool_result())), []),
        (b"[" * 3000 + b"\n", ["bad_line"]),
        (b"[" + b"1," * 3000 + b"1]\n", ["bad_line"]),
        (b"3\n", ["bad_line"]),
        (b"null\n", ["bad_line"]),
        (b'"user"\n', ["bad_line"]),
        (b'[{"type":"user"}]\n', ["bad_line"]),
        (b'{"type":"assistant","message":3}\n', ["bad_line"]),
        (b"\n", []),
        (b" " * 3000 + b"\n", []),
        (b"\x00" * 3000 + b"\n", ["bad_line"]),
    ],
)
def test_damage_is_told_alike(raw: bytes, kinds: list[str]) -> None:
    """After a good line, so that the number shows."""
    decoded = assert_alike(line(user(tool_result())) + raw)
    assert [(problem.kind, problem.line) for problem in decoded.problems] == [(kind, 2) for kind in kinds]


@pytest.mark.parametrize("huge", ["1e400", "-1e400", "9" * 309, "9" * 5000, "-" + "9" * 400])
def test_a_number_beyond_all_floats_is_not_known(huge: str) -> None:
    """The rest of its line is read; where the number would have counted there is none."""
    found = only_line(line(user(tool_result())).replace(b'"is_error":false', f'"is_error":{huge}'.encode()))
    assert (found.at, found.tool_ids) == (STAMP_S, ("toolu_1",))
    raw = f'{{"type":"system","subtype":"api_error","uuid":"u1","retryInMs":{huge},"timestamp":"{STAMP}"}}\n'
    assert (only_line(raw.encode()).kind, only_line(raw.encode()).retry_s) == (LineKind.API_ERROR, 0.0)


@pytest.mark.parametrize("kind", [[], obj(), 3, None])
def test_an_embedded_line_of_a_wrong_type(kind: object) -> None:
    data = obj(type="agent_progress", agentId="a1", message=obj(type=kind, uuid="i1"))
    assert only_line(line(user(type="progress", data=data))).kind == LineKind.PASSING


def test_without_simdjson(monkeypatch: pytest.MonkeyPatch, fixtures: Path) -> None:
    """Where it cannot be installed every line is decoded in full, with the same results."""
    paths = list(logs(fixtures / "claude-code"))
    with_it = [decode_lines(Source.from_path(path), compiled=False) for path in paths]
    monkeypatch.setitem(sys.modules, "simdjson", None)
    alone = importlib.util.module_from_spec(skim.__spec__)
    skim.__spec__.loader.exec_module(alone)  # type: ignore[union-attr]
    raw = line(user(tool_result()))
    with pytest.raises(alone.Doubt):
        alone.Skimmer(None).line(raw, 1)
    monkeypatch.setattr(skim, "Skimmer", alone.Skimmer)
    monkeypatch.setattr(skim, "Doubt", alone.Doubt)
    assert [decode_lines(Source.from_path(path), compiled=False) for path in paths] == with_it
    assert_alike(raw)


SCALARS = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(max_size=5))
KEYS = st.sampled_from(["uuid", "type", "timestamp", "message", "content", "tool_use_id", "parentUuid", "agentId", "x"])
NESTED = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.lists(st.tuples(KEYS, inner), max_size=4).map(Pairwise)),
    max_leaves=8,
)
BLOCKS = st.one_of(
    st.just(tool_result()),
    st.just(obj(type="text", text=LONG)),
    st.lists(st.tuples(KEYS, NESTED), max_size=3).map(lambda pairs: Pairwise([*tool_result(), *pairs])),
    NESTED,
)


@st.composite
def odd_lines(draw: st.DrawFn) -> bytes:
    """A long line in any order, with more keys, equal keys, white space, escapes."""
    kind = draw(st.sampled_from(["user", "user", "system", "attachment", "progress", "assistant", "summary"]))
    pairs = list(user(*draw(st.lists(BLOCKS, max_size=3)), type=kind))
    pairs += draw(st.lists(st.tuples(KEYS, NESTED), max_size=3))
    if draw(st.booleans()):
        pairs = draw(st.permutations(pairs))
    return line(Pairwise(pairs), space=draw(st.sampled_from(["", "", " ", "\t"])), escape=draw(st.booleans()))


@given(st.lists(odd_lines(), min_size=1, max_size=3))
def test_odd_lines(lines: list[bytes]) -> None:
    assert_alike(b"".join(lines))


@given(
    odd_lines(),
    st.lists(st.tuples(st.integers(0, 1 << 14), st.binary(max_size=2), st.integers(0, 2)), min_size=1, max_size=3),
)
@example(line(user(tool_result())), [(30, b'"', 0)])
def test_fuzzed_bytes(raw: bytes, edits: list[tuple[int, bytes, int]]) -> None:
    """Bytes replaced, put in and taken out anywhere."""
    for place, new, gone in edits:
        at = place % len(raw)
        raw = raw[:at] + new + raw[at + gone :]
    assert_alike(line(user(tool_result())) + raw + line(user(tool_result())))


@given(st.integers(0, 10_000))
def test_torn_lines(cut: int) -> None:
    raw = line(user(tool_result())) * 2
    assert_alike(raw[: cut % len(raw)])


def test_fixtures(fixtures: Path) -> None:
    for path in logs(fixtures / "claude-code"):
        source = Source.from_path(path)
        assert decode_lines(source, compiled=False) == decode_lines(source, compiled=False, skim=False), path


def test_real_logs(shared: Path) -> None:
    lines = 0
    for path in logs(shared / "corpus" / "claude-code"):
        source = Source.from_path(path)
        decoded = decode_lines(source, compiled=False)
        assert decoded == decode_lines(source, compiled=False, skim=False), path
        lines += len(decoded.lines)
    assert lines > 0


def test_lines_can_be_kept(fixtures: Path) -> None:
    """Through marshal, which takes plain values only; the second stage leaves its lines as they were."""
    for path in logs(fixtures / "claude-code"):
        source = Source.from_path(path)
        decoded = decode_lines(source)
        rows = marshal.dumps(packed(decoded.lines))
        kept = Decoded(decoded.path, unpacked(marshal.loads(rows)), decoded.problems, decoded.end, decoded.count)  # noqa: S302 - own bytes
        assert kept == decoded
        assert list(calls_of(kept)) == list(FORMAT.read(source))
        assert packed(kept.lines) == marshal.loads(rows)  # noqa: S302 - own bytes


def test_only_what_was_appended_is_decoded(fixtures: Path) -> None:
    """A file that was cut anywhere and grew says what it says as a whole."""
    path = next(path for path in logs(fixtures / "claude-code") if path.name.endswith(".jsonl"))
    data = path.read_bytes() + line(user(tool_result())) + b'{"torn'
    whole = decode_lines(Source.from_bytes(data, str(path)))
    for cut in range(0, len(data), max(1, len(data) // 60)):
        before = decode_lines(Source.from_bytes(data[:cut], str(path)))
        assert before.end == data.rfind(b"\n", 0, cut) + 1
        assert before.count == data.count(b"\n", 0, cut)
        # What lies before the end is not looked at again.
        grown = b" " * before.end + data[before.end :]
        assert decode_lines(Source.from_bytes(grown, str(path)), after=before) == whole


def test_a_line_longer_than_any_chunk() -> None:
    big = line(user(tool_result(content=LONG * 400)))
    assert len(big) > 1 << 20
    decoded = assert_alike(line(user(tool_result())) + big + b"\n" + line(user(tool_result(), uuid="u9")))
    assert [item.number for item in decoded.lines] == [1, 2, 4]
    assert decoded.end == 2 * len(line(user(tool_result()))) + len(big) + 1


STAMPS = st.one_of(
    st.datetimes(datetime(2019, 12, 31), datetime(2100, 1, 2)).map(lambda at: f"{at.isoformat('T', 'milliseconds')}Z"),  # noqa: DTZ001
    st.text("0123456789-:.TZW+ ", min_size=20, max_size=25),
    st.from_regex(r"20[0-9]{2}-[01][0-9]-[0-3][0-9][T ][0-2][0-9]:[0-6][0-9]:[0-6][0-9]\.[0-9]{3}[Zz]", fullmatch=True),
)


@given(STAMPS)
@example("2100-01-01T00:00:00.000Z")
@example("2100-01-01T00:00:00.001Z")
@example("2019-12-31T23:59:59.999Z")
@example("2020-01-01T00:00:00.000Z")
@example("2026-W10-1T12:00:05.250Z")
@example("2026-03-02T12:00:60.000Z")
@example("2026-03-02T12:00:\u0661\u0662.000Z")
def test_stamps_to_the_last_bit(stamp: str) -> None:
    """As the standard library reads them, twice: the second time from what the first left behind."""
    try:
        moment = datetime.fromisoformat(stamp)
    except ValueError:
        expected = None
    else:
        seconds = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
        first, last = (datetime(year, 1, 1, tzinfo=UTC).timestamp() for year in (2020, 2100))
        expected = seconds if first <= seconds <= last else None
    assert seconds_of(stamp) == expected
    assert seconds_of(stamp) == expected
