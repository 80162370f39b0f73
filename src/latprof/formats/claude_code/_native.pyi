from latprof.formats.claude_code.lines import Line

__all__ = ["Lines"]

class Lines:
    def __init__(self, default_thread: str | None) -> None: ...
    def take(self, chunk: bytes, start: int, end: int, number: int, lines: list[Line]) -> tuple[int, int]: ...
