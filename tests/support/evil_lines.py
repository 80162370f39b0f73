"""A transcript whose names are attacks on what shows them."""

from __future__ import annotations

from claude_code_lines import Log, join, text, thinking, tool, usage

EVIL = "<script>alert(1)</script>\x1b[31m[bold]=1+1"


def evil_log() -> bytes:
    """60 calls whose names of model, version, project, tool and session are attacks."""
    log = Log(session=f"s{EVIL}", version=EVIL)
    for number in range(60):
        at = number * 20.0
        log.prompt(at, cwd=f"/home/{EVIL}")
        log.answer(at + 2 + number % 5, f"m{number}", thinking(), model=EVIL, tokens=usage(200))
        log.answer(at + 4 + number % 7, f"m{number}", tool(f"t{number}", EVIL), model=EVIL, tokens=usage(200))
        log.result(at + 12, f"t{number}")
        log.answer(at + 16, f"n{number}", text(), model=EVIL, stop="end_turn")
    return join(log.lines)
