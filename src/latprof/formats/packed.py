"""Packed bytes -> what was packed, up to the first damage, which is told when all before it was given away.

A stream of a library raises in the middle of a read and forgets what it had unpacked for it. Here damage ends the
stream as the end of the file does, and waits in `error`.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import IO, TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

__all__ = ["Unpacked", "gzip_parts", "zstd_parts"]

_PART_BYTES: Final = 8192
_ZSTD_MAGIC: Final = b"\x28\xb5\x2f\xfd"
_SKIPPED_MAGIC: Final = b"\x2a\x4d\x18"  # after a byte from 0x50 to 0x5f
# By the flags of a frame's head: the bytes of a dictionary's id, and of the content's size.
_DICTIONARY_BYTES: Final = (0, 1, 2, 4)
_SIZE_BYTES: Final = (0, 2, 4, 8)
_BLOCK_HEAD_BYTES: Final = 3
_CHECKSUM_BYTES: Final = 4


class Unpacked(io.RawIOBase):
    """A stream of these parts; `error` is what ended them before their end."""

    def __init__(self, parts: Iterator[bytes]) -> None:
        super().__init__()
        self.error: Exception | None = None
        self._parts = parts
        self._left = memoryview(b"")

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        """Some bytes of a part; 0 at the end, and from the first error on."""
        target = memoryview(buffer).cast("B")
        while not self._left:
            part = self._next()
            if part is None:
                return 0
            self._left = memoryview(part)
        count = min(len(target), len(self._left))
        target[:count] = self._left[:count]
        self._left = self._left[count:]
        return count

    def _next(self) -> bytes | None:
        try:
            return next(self._parts, None)
        except Exception as error:  # noqa: BLE001 - any decompressor may fail in its own way on bad bytes
            self.error = error
            return None


def gzip_parts(raw: IO[bytes]) -> Iterator[bytes]:
    """What is in a gzip file of any number of members. Raises OSError or EOFError behind what could be unpacked."""
    import gzip
    import zlib

    packed = gzip.GzipFile(fileobj=raw)
    try:
        # Never more than was unpacked at once: a longer read would lose it when the next piece is damaged.
        while part := packed.read1(_PART_BYTES):
            yield part
    except zlib.error as error:
        raise gzip.BadGzipFile(str(error)) from None


def zstd_parts(raw: IO[bytes]) -> Iterator[bytes]:
    """What is in a zstd file of any number of frames (RFC 8878), block by block.

    The library tells neither that a frame is cut off, nor what it unpacked before it met damage in the same piece; so
    it gets one block at a time. Raises EOFError or ZstdError behind what could be unpacked.
    """
    import zstandard

    while magic := raw.read(len(_ZSTD_MAGIC)):
        if magic == _ZSTD_MAGIC:
            yield from _frame_parts(raw, zstandard.ZstdDecompressor().decompressobj())
        elif magic[1:] == _SKIPPED_MAGIC and magic[0] >> 4 == 5:
            raw.seek(int.from_bytes(_exactly(raw, 4), "little"), io.SEEK_CUR)
        else:
            raise zstandard.ZstdError("no frame begins here")


def _frame_parts(raw: IO[bytes], frame: Any) -> Iterator[bytes]:
    """The blocks of a frame whose magic number was read."""
    flags = _exactly(raw, 1)
    is_single, has_checksum = flags[0] >> 5 & 1, flags[0] >> 2 & 1
    size_bytes = _SIZE_BYTES[flags[0] >> 6] or is_single
    head = _exactly(raw, (not is_single) + _DICTIONARY_BYTES[flags[0] & 3] + size_bytes)
    yield frame.decompress(_ZSTD_MAGIC + flags + head)
    is_last = False
    while not is_last:
        head = _exactly(raw, _BLOCK_HEAD_BYTES)
        block = int.from_bytes(head, "little")
        is_last, is_repeated = bool(block & 1), block >> 1 & 3 == 1
        yield frame.decompress(head + _exactly(raw, 1 if is_repeated else block >> 3))
    if has_checksum:
        yield frame.decompress(_exactly(raw, _CHECKSUM_BYTES))


def _exactly(raw: IO[bytes], count: int) -> bytes:
    data = raw.read(count)
    if len(data) < count:
        raise EOFError("the file is cut off")
    return data
