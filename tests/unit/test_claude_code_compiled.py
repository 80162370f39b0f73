"""The compiled reader and the Python code say the same of every line, and the compiled one takes the usual lines."""

from __future__ import annotations

import importlib.util
import json
import os
import random
import shutil
import sysconfig
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from claude_code_lines import Log, text, usage
from damaged_lines import STAMP, damaged, usual_lines
from latprof.formats import Source
from latprof.formats.base import Told
from latprof.formats.claude_code import FORMAT, Decoded, calls_of, decode_lines, reading
from latprof.formats.claude_code.lines import Line, LineKind
from latprof.formats.claude_code.parts import NO_USAGE, Part, Usage
from latprof.formats.claude_code.reading import is_compiled
from latprof.formats.claude_code.rows import packed, unpacked
from latprof.formats.claude_code.table import told, told_of
from latprof.ingest.chunk import Chunk
from latprof.model import Call
from latprof.stats import cuts
from latprof.trace import columns
from linked_lines import linked_lines

not_compiled = pytest.mark.skipif(not is_compiled(), reason="the reader of Claude Code is not compiled here")


@pytest.fixture(params=[True, False], ids=["wide registers", "narrow registers"])
def _registers(request: pytest.FixtureRequest) -> Iterator[None]:
    """On a machine without wide ones both are the same."""
    from latprof.formats.claude_code import _native

    _native.use_wide_registers(request.param)
    yield
    _native.use_wide_registers(True)


def both(data: bytes, path: str = "log.jsonl") -> tuple[Decoded, Decoded]:
    source = Source.from_bytes(data, path)
    return decode_lines(source), decode_lines(source, compiled=False, skim=False)


def assert_alike(data: bytes, path: str = "log.jsonl") -> None:
    with_it, without = both(data, path)
    assert with_it == without
    assert list(calls_of(with_it)) == list(calls_of(with_it, compiled=False))
    assert with_it == without, "the second stage leaves the lines as they are"


def taken(data: bytes, thread: str | None = None) -> tuple[int, list[Any]]:
    """How many of the lines are taken without a doubt, up to the first one, and what they say."""
    from latprof.formats.claude_code import _native

    kept = _native.Lines(thread)
    _, count = kept.take(data, 0, len(data), 0)
    return count, unpacked(kept.rows())


def answer(*, number: int, parent: str | None) -> Line:
    part = Part(
        "msg_1", "req_1", "s1", None, None, None, None, "end_turn", False, NO_USAGE, (("text", 4, None, None),), (),
        None, None, None, None,
    )  # fmt: skip
    return Line(number, LineKind.RESPONSE, 9000.0, f"u{number}", parent, None, part)


def logs(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.rglob("*.jsonl")) if path.is_file())


def test_it_is_compiled_where_it_can_be() -> None:
    """Where CI has a compiler and Python's headers, a build that failed in silence would be missed otherwise."""
    header = Path(sysconfig.get_paths()["include"], "Python.h")
    compiler = (sysconfig.get_config_var("CC") or "cc").split()[0]
    if not os.environ.get("CI") or not header.exists() or shutil.which(compiler) is None:
        pytest.skip("not CI, or nothing to compile with")
    assert is_compiled()
    assert columns.is_compiled()
    assert cuts.is_compiled()
    assert importlib.util.find_spec("latprof.store._native_crc") is not None


@not_compiled
@pytest.mark.parametrize("raw", usual_lines())
def test_usual_lines_are_taken(raw: bytes) -> None:
    """But for those whose odd values are told in Python, which the test names."""
    odd = b'"truncatedAfterOutput":1' in raw or b'"message":{"type":"assistant"}' in raw
    count, lines = taken(raw)
    assert count == (0 if odd else 1)
    assert odd or lines == both(raw)[1].lines


@not_compiled
@pytest.mark.parametrize("path", ["log.jsonl", "agent-a7.jsonl", "agent-acompact-1.jsonl"])
def test_usual_lines_in_a_row(path: str) -> None:
    assert_alike(b"".join(usual_lines()), path)


@not_compiled
@pytest.mark.parametrize(
    "raw",
    [
        b'{"type":"summary","uuid":"a","uuid":"b"}\n',
        b'{"type":"summary","uu\\u0069d":"a"}\n',
        b'{"type":"us\\u0065r","message":{"content":"x"}}\n',
        b'{"type":"user","message":{"content":"\\u005bRequest interrupted by user"}}\n',
        b'{"type":"user","message":{"content":"x","content":"y"}}\n',
        b'{"type":"assistant","message":{}}\n',
        b'{"type":"assistant","message":{"id":"m"}}\n',
        b'{"type":"user","x":' + b"[" * 65 + b"]" * 65 + b"}\n",
        b'{"type":"user","x":1e400}\n',
        b'{"type":"user","x":-0}\n',
        b'{"type":"user","x":1234567890123456789}\n',
        b'{"type":"user"}',
        b'{"type":"user"} x\n',
        b'{"type":"user"},\n',
        b' {"type":"user"}\n',
        b'\xef\xbb\xbf{"type":"user"}\n',
        b'["user"]\n',
        b"\n",
        b"",
    ],
)
def test_what_is_left_to_python(raw: bytes) -> None:
    assert taken(raw) == (0, [])
    assert_alike(raw)


@not_compiled
@pytest.mark.parametrize("place", [(-1, 4), (3, 2), (0, 999)])
def test_no_place_outside_of_the_chunk(place: tuple[int, int]) -> None:
    from latprof.formats.claude_code import _native

    with pytest.raises(IndexError):
        _native.Lines(None).take(b'{"type":"user"}\n', *place, 0)


@not_compiled
@pytest.mark.usefixtures("_registers")
@pytest.mark.parametrize("seed", range(8))
def test_damaged_lines(seed: int) -> None:
    rng = random.Random(seed)  # noqa: S311 - to be repeated, not to be safe
    usual = usual_lines()
    for _ in range(400):
        lines = [damaged(rng.choice(usual), rng), *rng.sample(usual, 2), damaged(rng.choice(usual), rng)]
        assert_alike(b"".join(lines), rng.choice(("log.jsonl", "agent-a7.jsonl")))


@not_compiled
@pytest.mark.parametrize("seed", range(8))
def test_linked_lines(seed: int) -> None:
    """Who follows whom, in all the ways that lines hang together, and loops."""
    rng = random.Random(seed)  # noqa: S311 - to be repeated, not to be safe
    for _ in range(500):
        decoded = linked_lines(rng)
        assert list(calls_of(decoded)) == list(calls_of(decoded, compiled=False)), decoded


def assert_same_columns(found: Told | None, items: list[Any]) -> None:
    """To the last bit what Python makes of the calls, 4,096 at a time."""
    assert found is not None
    calls = [item for item in items if isinstance(item, Call)]
    parts = [columns.Columns._of_any(calls[at : at + 4096], "claude-code") for at in range(0, len(calls), 4096)]
    whole = columns.Columns.concat(parts)
    assert Chunk("", "log", found.columns).to_bytes() == Chunk("", "log", whole).to_bytes()


@not_compiled
@pytest.mark.parametrize("seed", range(4))
def test_columns_of_linked_lines(seed: int) -> None:
    rng = random.Random(seed)  # noqa: S311 - to be repeated, not to be safe
    for _ in range(300):
        decoded = linked_lines(rng)
        assert_same_columns(told_of(decoded, None, "claude-code"), list(calls_of(decoded, compiled=False)))


@not_compiled
def test_columns_of_files(fixtures: Path) -> None:
    for path in logs(fixtures / "claude-code"):
        source = Source.from_path(path)
        decoded = decode_lines(source, compiled=False, skim=False)
        assert_same_columns(told(source, "claude-code"), list(calls_of(decoded, compiled=False)))


@pytest.mark.parametrize("wrong", ["12", 12.5, 12.0, -1, True, None, 2**63, 2**64, 2**70, [12], {}, "absent"], ids=repr)
def test_input_tokens_that_are_not_known_are_missing(wrong: object) -> None:
    """What was read from and written to the cache is no total without them; the other counts stand, in every way."""
    log = Log()
    log.prompt(0)
    log.answer(3, "msg_1", text(), stop="end_turn", tokens=usage(fresh=wrong))  # type: ignore[arg-type]
    source = Source.from_bytes(log.data().replace(b'"input_tokens": "absent", ', b""), "log.jsonl")
    ways = [list(calls_of(decode_lines(source))), list(calls_of(decode_lines(source, compiled=False, skim=False)))]
    if is_compiled():
        ways.append(list(FORMAT.columns(source).items()))  # type: ignore[misc, union-attr]
    for items in ways:
        (call,) = items
        assert isinstance(call, Call)
        assert call.input_tokens is None
        assert (call.cache_read_tokens, call.cache_write_tokens, call.output_tokens) == (1000, 100, 50)


@not_compiled
def test_columns_of_many_calls() -> None:
    """More than are taken at a time, with ids of every length, and counts that no float of 32 bits holds."""
    lines = []
    for number in range(1, 5001):
        line = answer(number=number, parent=f"u{number - 1}")
        assert line.part is not None
        usage = Usage(number, 2**24 + number, None, 10**12, None)
        text = "é" * (number % 200)
        lines.append(replace(line, part=replace(line.part, message_id=f"msg_{number}_{text}", usage=usage)))
    decoded = Decoded("log.jsonl", lines, [], 0, len(lines))
    assert_same_columns(told_of(decoded, None, "claude-code"), list(calls_of(decoded, compiled=False)))


@not_compiled
def test_a_loop_and_a_long_chain() -> None:
    """Of lines that are passed on the way up."""
    for length in (1, 20, 31, 32, 33, 600):
        lines = [Line(1, LineKind.PROMPT, 1.0, "u1", None, None)]
        lines += [Line(n, LineKind.PASSING, 1.0 + n, f"u{n}", f"u{n - 1}", None) for n in range(2, 2 + length)]
        lines += [answer(number=length + 2, parent=f"u{length + 1}")]
        decoded = Decoded("log.jsonl", lines, [], 0, len(lines))
        (call,) = calls_of(decoded)
        assert [call] == list(calls_of(decoded, compiled=False))
        assert isinstance(call, Call)
        assert (call.trigger, call.trigger_at, call.sent_at) == ("user", 1.0, 2.0 + length)
        lines[0] = Line(1, LineKind.PASSING, 1.0, "u1", f"u{length + 1}", None)
        assert list(calls_of(decoded)) == list(calls_of(decoded, compiled=False))


@not_compiled
@pytest.mark.parametrize("wrong", [None, 3, "line", [], Part])
def test_objects_of_another_class_are_refused(wrong: Any) -> None:
    from latprof.formats.claude_code import _native, _native_calls

    with pytest.raises(TypeError):
        _native_calls.Calls(wrong)
    kept = _native.Lines(None)
    kept.extend(packed([answer(number=1, parent=None)]))
    (row,) = kept.rows()
    rows = [wrong, row[:-1], (*row[:6], (), *row[7:]), (*row[:7], wrong, *row[8:])]
    for odd in rows:
        with pytest.raises((OverflowError, TypeError, ValueError)):
            kept.extend([odd])
    assert kept.rows() == [row]


@not_compiled
@pytest.mark.parametrize("odd", [2**63, 2**64, -(2**63)])
def test_numbers_that_have_no_place(odd: int) -> None:
    """Of such a file Python makes the calls."""
    lines = [
        Line(1, LineKind.REQUEST, 8999.0, None, None, None, request_id="r1", max_tokens=odd),
        answer(number=2, parent=None),
    ]
    decoded = Decoded("log.jsonl", lines, [], 0, 2)
    assert list(calls_of(decoded)) == list(calls_of(decoded, compiled=False))
    raw = b'{"type":"api-request","id":"r","timestamp":"%b","params":{"max_tokens":%d}}\n' % (STAMP.encode(), odd)
    assert_alike(raw + b"".join(usual_lines()))


@not_compiled
@given(st.text(max_size=80), st.booleans())
def test_lengths_are_those_of_python(text: str, escaped: bool) -> None:  # noqa: FBT001 - drawn
    """Characters of a text, and of a tool's input as compact JSON, whatever stands in them."""
    if any("\ud800" <= sign <= "\udfff" for sign in text):
        return
    given_input = {text: [text, {"": text}]}
    content = [
        {"type": "text", "text": text},
        {"type": "tool_use", "id": "t", "name": text, "input": given_input},
    ]
    record = {"type": "assistant", "timestamp": STAMP, "message": {"id": "m", "content": content}}
    count, (line,) = taken(json.dumps(record, ensure_ascii=escaped).encode() + b"\n")
    assert count == 1
    assert line.part.blocks == (
        ("text", len(text), None, None),
        ("tool_use", len(orjson.dumps(given_input).decode()), None, text or None),
    )


@not_compiled
@pytest.mark.usefixtures("_registers")
@pytest.mark.parametrize(
    "sign",
    [
        "\\n",
        '\\"',
        "\\\\",
        "\\/",
        "\\u0001",
        "\\u00e9",
        "\\ud83d\\ude00",
        "é",
        "😀",
        "\\n\\n",
        "\\\\\\n",
        "\\\\\\\\n",
        "\\\\" * 40,
        "\\\\" * 33 + "\\n\\t",
        "\\\\" * 33 + '\\"',
        "\\x",
        "\\ud83d",
        "\x01",
    ],
)
def test_signs_at_every_place(sign: str) -> None:
    """Bytes are looked at in blocks; what a block makes of a sign must not depend on where it begins."""
    for before in range(140):
        text = "x" * before + sign + "y" * (before % 7) + sign
        raw = (
            f'{{"type":"assistant","timestamp":"{STAMP}","message":{{"id":"m","content":['
            f'{{"type":"text","text":"{text}"}},{{"type":"tool_use","id":"t","input":{{"{text}":"{text}"}}}}'
            f']}},"padding":"{"z" * 200}"}}\n'
        ).encode()
        assert_alike(raw)
        assert taken(raw)[0] == (sign not in {"\\x", "\\ud83d", "\x01"})


@not_compiled
@pytest.mark.parametrize("size", [1, 16, 100, 1000, 5000])
def test_lines_across_what_is_read_at_a_time(size: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lines that begin in one piece and end in another, or take many of them, or end where one ends."""
    monkeypatch.setattr(reading, "_READ_BYTES", size)
    monkeypatch.setattr(reading, "_buffers", [])
    rng = random.Random(size)  # noqa: S311 - to be repeated, not to be safe
    long = b'{"type":"user","uuid":"long","message":{"content":"%b"}}\n' % (b"x" * 7 * size)
    even = b'{"type":"mode","uuid":"even","x":"%b"}\n' % (b"x" * (-38 % size))
    for _ in range(20):
        lines = [*rng.sample(usual_lines(), 5), long, even, even, b"damaged\n", b"\n"]
        rng.shuffle(lines)
        data = b"".join(lines)
        for cut in (data, data[:-1], data + b'{"type":"user"'):
            assert_alike(cut)
            path = tmp_path / "log.jsonl"
            path.write_bytes(cut)
            assert decode_lines(Source.from_path(path)).lines == both(cut)[1].lines


@not_compiled
@given(st.lists(st.sampled_from(usual_lines()), min_size=1, max_size=3), st.data())
def test_random_bytes_in_lines(lines: list[bytes], data: st.DataObject) -> None:
    raw = b"".join(lines)
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(raw)))
        raw = raw[:at] + data.draw(st.binary(max_size=3)) + raw[at + data.draw(st.integers(0, 2)) :]
    assert_alike(raw)


@not_compiled
def test_fixtures_are_taken_and_read_alike(fixtures: Path) -> None:
    for path in logs(fixtures / "claude-code"):
        source = Source.from_path(path)
        decoded = decode_lines(source)
        assert decoded == decode_lines(source, compiled=False), path
        assert list(calls_of(decoded)) == list(calls_of(decoded, compiled=False)), path


@not_compiled
def test_real_logs_are_taken_and_read_alike(shared: Path) -> None:
    """Hardly a line of real logs is left to Python; else the extension would be in vain."""
    from latprof.formats.claude_code import _native

    lines = left = 0
    for path in logs(shared / "corpus" / "claude-code"):
        data = path.read_bytes()
        source = Source.from_path(path)
        decoded = decode_lines(source)
        assert decoded == decode_lines(source, compiled=False), path
        assert list(calls_of(decoded)) == list(calls_of(decoded, compiled=False)), path
        start, number, end = 0, 0, data.rfind(b"\n") + 1
        while start < end:
            start, number = _native.Lines(None).take(data, start, end, number)
            if start < end:
                start, number, left = data.find(b"\n", start) + 1, number + 1, left + 1
        lines += number
    assert lines > 0
    assert left < lines / 1000
