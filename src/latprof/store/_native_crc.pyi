__all__ = ["IS_THERE", "crc32"]

IS_THERE: bool

def crc32(data: bytes | memoryview, before: int = 0) -> int: ...
