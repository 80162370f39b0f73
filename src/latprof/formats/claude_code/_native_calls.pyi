from latprof.formats.claude_code.lines import Line
from latprof.formats.claude_code.responses import Response
from latprof.formats.claude_code.transcript import Transcript
from latprof.model import Call

__all__ = ["Calls"]

class Calls:
    transcript: Transcript
    def __init__(self, lines: list[Line]) -> None: ...
    def call_of(self, response: Response) -> Call | None: ...
