"""The compiled reader and the Python code say the same of every line, and the compiled one takes the usual lines."""

from __future__ import annotations

import json
import os
import random
import shutil
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from damaged_lines import STAMP, damaged, usual_lines
from latprof.formats import Source
from latprof.formats.claude_code import Decoded, calls_of, decode_lines
from latprof.formats.claude_code.lines import Line, LineKind
from latprof.formats.claude_code.parts import NO_USAGE, Part
from latprof.formats.claude_code.reading import is_compiled
from latprof.model import Call
from latprof.stats import cuts
from latprof.trace import columns
from linked_lines import linked_lines

not_compiled = pytest.mark.skipif(not is_compiled(), reason="the reader of Claude Code is not compiled here")


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

    lines: list[Any] = []
    _, count = _native.Lines(thread).take(data, 0, len(data), 0, lines)
    return count, lines


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
        _native.Lines(None).take(b'{"type":"user"}\n', *place, 0, [])


@not_compiled
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
@pytest.mark.parametrize("wrong", [None, 3, "line", Part])
def test_objects_of_another_class_are_refused(wrong: Any) -> None:
    """Their fields would be read from wherever they lie."""
    from latprof.formats.claude_code import _native_calls

    with pytest.raises(TypeError):
        _native_calls.Calls([wrong])
    with pytest.raises(TypeError):
        _native_calls.Calls([]).call_of(wrong)
    line: Any = answer(number=1, parent=None)
    line.part = wrong if wrong is not None else 3
    with pytest.raises(TypeError):
        _native_calls.Calls([line])


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
        "\\\\\\\\n",
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
            start, number = _native.Lines(None).take(data, start, end, number, [])
            if start < end:
                start, number, left = data.find(b"\n", start) + 1, number + 1, left + 1
        lines += number
    assert lines > 0
    assert left < lines / 1000
