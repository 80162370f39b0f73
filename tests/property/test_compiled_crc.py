"""The compiled checksum is that of zlib."""

from __future__ import annotations

from zlib import crc32

import pytest
from hypothesis import given
from hypothesis import strategies as st

from any_calls import many

pytestmark = pytest.mark.property
compiled = pytest.importorskip("latprof.store._native_crc", reason="not compiled here")


@given(st.binary(max_size=600), st.integers(0, 2**32 - 1), st.integers(1, 300))
@many
def test_it_gives_what_zlib_gives(data: bytes, before: int, times: int) -> None:
    """Of short texts, of long ones, and of one text after another."""
    for text in (data, data * times):
        assert compiled.crc32(text, before) == crc32(text, before)
        assert compiled.crc32(text, compiled.crc32(data)) == crc32(data + text)
    assert compiled.crc32(data) == crc32(data)


@pytest.mark.parametrize("size", [0, 1, 15, 16, 63, 64, 65, 79, 80, 127, 128, 129, 1_000_003])
def test_every_end_is_counted(size: int) -> None:
    """A single other bit anywhere gives another sum."""
    data = bytes(number * 37 % 251 for number in range(size))
    assert compiled.crc32(data) == crc32(data)
    for place in {0, size // 2, max(size - 1, 0)} if size else ():
        other = data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]
        assert compiled.crc32(other) == crc32(other) != crc32(data)
